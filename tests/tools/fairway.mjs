// A running Fairway with content: the demo, which has two simulated Harbors behind it.
import { spawn } from 'node:child_process';

/** Starts it; answers where it is, whom it lets in, and how to ask and end it. */
export async function start(program) {
  const demo = spawn(program, ['--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  await new Promise((resolve, reject) => {
    demo.on('exit', (code) => reject(new Error(`the demo ended with ${code}:\n${text.slice(-2_000)}`)));
    demo.stdout.on('data', (more) => {
      text += more;
      if (text.includes('Ctrl-C ends the demo')) resolve();
    });
  });
  const plain = text.replace(/\u001b\[[0-9;]*m/g, '');
  const [, origin] = plain.match(/GraphiQL\s+(http:\/\/[^\s/]+)\/graphql/);
  const [, authorization] = plain.match(/as an Admin\s+\{"Authorization": "([^"]+)"\}/);
  const ask = async (query, variables = {}) => {
    const response = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const ended = new Promise((resolve) => demo.on('exit', resolve));
  const stop = () => {
    demo.removeAllListeners('exit');
    demo.on('exit', () => {});
    demo.kill('SIGINT');
    return ended;
  };
  return { origin, authorization, ask, stop };
}

/** Something that runs in a namespace there, and of which Fairway knows both. */
export async function workload({ ask }) {
  const { namespaces } = await ask(`{ namespaces(first: 20, filter: { bound: true }) { nodes {
    cluster name workspace { name } availableImages(first: 1) { nodes { reference } } } } }`);
  const found = namespaces.nodes.find(({ availableImages }) => availableImages.nodes.length);
  const { cluster, name: namespace, workspace, availableImages } = found;
  return { name: 'api', cluster, namespace, workspace: workspace.name, reference: availableImages.nodes[0].reference };
}
