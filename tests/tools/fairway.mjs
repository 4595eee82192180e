// A running Fairway with content: the demo, which has two simulated Harbors behind it.
import { ask as askFairway, startDemo } from '../browser/fairway.js';

/** Starts it; answers where it is, whom it lets in, and how to ask and end it. */
export async function start() {
  const { origin, tokens, stop } = await startDemo();
  const ask = async (query, variables) => {
    const { data, errors } = await askFairway(origin, tokens.admin, { query, variables });
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  return { origin, authorization: `Bearer ${tokens.admin}`, ask, stop };
}

/** Something that runs in a namespace there, and of which Fairway knows both. */
export async function workload({ ask }) {
  const { namespaces } = await ask(`{ namespaces(first: 20, filter: { bound: true }) { nodes {
    cluster name workspace { name } availableImages(first: 1) { nodes { reference } } } } }`);
  const found = namespaces.nodes.find(({ availableImages }) => availableImages.nodes.length);
  const { cluster, name: namespace, workspace, availableImages } = found;
  return { name: 'api', cluster, namespace, workspace: workspace.name, reference: availableImages.nodes[0].reference };
}
