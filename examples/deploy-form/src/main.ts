// The deploy form: what is asked of a person, and the manifest that comes of it.
import './style.css';
import { byId } from './element';
import { selectImage } from './selector';

const form = byId('deploy', HTMLFormElement);
const manifest = byId('manifest', HTMLPreElement);
const field = (name: string): HTMLInputElement => form.elements.namedItem(name) as HTMLInputElement;

byId('open', HTMLButtonElement).addEventListener('click', async () => {
  // Which images there are depends on both.
  const asked = ['token', 'cluster', 'namespace'].map(field);
  if (!asked.every((input) => input.reportValidity())) return;
  const namespace = { cluster: field('cluster').value, name: field('namespace').value };
  const reference = await selectImage(field('token').value, namespace);
  if (reference) field('image').value = reference;
});

// An image is selected for a namespace: another one may not have it.
for (const name of ['cluster', 'namespace']) {
  field(name).addEventListener('input', () => (field('image').value = ''));
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  // A field that is read only is never required of anybody, by the browser.
  if (!field('image').value) return byId('open', HTMLButtonElement).focus();
  manifest.textContent = deployment(field('namespace').value, field('name').value, field('image').value);
  manifest.hidden = false;
});

function deployment(namespace: string, name: string, image: string): string {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name, image }] } };
  const spec = { selector: { matchLabels: labels }, template };
  return JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace, name }, spec }, null, 2);
}
