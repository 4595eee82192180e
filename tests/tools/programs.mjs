// Other people's programs: none outlives this one.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** How long each check may take, on a busy machine too. */
export const DEADLINE_MS = 120_000;

/** Runs a program to its end; what it printed is in the error, if it fails. */
export function run(program, command, options) {
  const running = promisify(execFile)(program, command, { timeout: DEADLINE_MS, killSignal: 'SIGKILL', ...options });
  endWithUs(running.child);
  return running;
}

/** However this process ends, that one does too. */
export function endWithUs(child) {
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}
