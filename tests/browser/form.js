// Serves the built form and Fairway's graph from one origin, as a platform's ingress would.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../examples/deploy-form', import.meta.url));

export async function serveForm(fairwayOrigin) {
  const arguments_ = ['node_modules/vite/bin/vite.js', 'preview', '--host', '127.0.0.1', '--port', '0'];
  const env = { ...process.env, FAIRWAY_ORIGIN: fairwayOrigin, NO_COLOR: '1' };
  const server = spawn(process.execPath, arguments_, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const origin = await new Promise((resolve, reject) => {
    server.stdout.on('data', (chunk) => {
      said += chunk;
      const found = said.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (found) resolve(found[0]);
    });
    server.on('exit', (code) => reject(new Error(`vite ended with ${code}: ${said}`)));
  });
  const stop = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { origin, stop };
}
