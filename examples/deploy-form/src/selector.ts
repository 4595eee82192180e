// The *Select Image* dialog: search as one types, pages by cursor in both directions, and what is known of each registry.
import { byId, create, say } from './element';
import {
  ListTagsDocument,
  SelectImagesDocument,
  type NamespaceKey,
  type SelectImagesQuery,
  type SelectImagesQueryVariables,
} from './gql/graphql';
import { GraphError, ask } from './graph';
import { Latest } from './latest';
import { VIA, ageOf, textOf } from './text';

const PAGE_SIZE = 10;
/** Somebody who types is left alone until they pause. */
const TYPING_PAUSE_MS = 250;

type Images = SelectImagesQuery['availableImages'];
type Cut = Pick<SelectImagesQueryVariables, 'first' | 'after' | 'last' | 'before'>;
const START: Cut = { first: PAGE_SIZE };

const dialog = byId('selector', HTMLDialogElement);
const status = byId('status', HTMLParagraphElement);
const problem = byId('problem', HTMLParagraphElement);
const rows = byId('rows', HTMLDivElement);
const images = byId('images', HTMLFieldSetElement);
const previous = byId('previous', HTMLButtonElement);
const next = byId('next', HTMLButtonElement);
const tags = byId('tags', HTMLSelectElement);
const tagProblem = byId('tag-problem', HTMLParagraphElement);
const pin = byId('pin', HTMLInputElement);
const sources = byId('sources', HTMLUListElement);
const use = byId('use', HTMLButtonElement);
const search = dialog.querySelector<HTMLInputElement>('input[name=search]')!;

const page = new Latest();
const choice = new Latest();
let token = '';
let namespace: NamespaceKey = { name: '' };
let shown: Images | null = null;

/** Lets somebody select an image for a namespace. Its reference, or null when they cancel. */
export function selectImage(asToken: string, into: NamespaceKey): Promise<string | null> {
  [token, namespace] = [asToken, into];
  search.value = '';
  dialog.returnValue = '';
  dialog.showModal();
  void load(START);
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue || null), { once: true });
  });
}

search.addEventListener('input', () => void load(START, TYPING_PAUSE_MS));
// Enter in the field searches at once; the form would close the dialog.
search.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  void load(START);
});
previous.addEventListener('click', () => void load({ last: PAGE_SIZE, before: shown?.pageInfo.startCursor }));
next.addEventListener('click', () => void load({ first: PAGE_SIZE, after: shown?.pageInfo.endCursor }));
use.addEventListener('click', () => dialog.close(selected() ?? ''));
tags.addEventListener('change', () => offer());
dialog.addEventListener('cancel', () => (dialog.returnValue = ''));
dialog.querySelector('button[value=cancel]')!.addEventListener('click', (event) => {
  event.preventDefault();
  dialog.close('');
});
dialog.addEventListener('close', () => {
  page.cancel();
  choice.cancel();
});

/** Loads a page: counted from the start, or from a cursor in either direction. */
function load(cut: Cut, pauseMs = 0): Promise<void> {
  images.setAttribute('aria-busy', 'true');
  return page.run(async (signal) => {
    try {
      const words = search.value.trim();
      const variables = { namespace, ...cut, ...(words ? { search: words } : {}) };
      const { data } = await ask(token, SelectImagesDocument, variables, signal);
      show(data.availableImages);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      // What was shown before is not true for this question.
      show(null);
      say(problem, textOf(error.refusal));
    }
    images.removeAttribute('aria-busy');
  }, pauseMs);
}

function show(found: Images | null): void {
  shown = found;
  clearTags();
  say(problem, null);
  rows.replaceChildren(...(found?.edges ?? []).map(row));
  sources.replaceChildren(...(found?.sources ?? []).map(source));
  previous.disabled = !found?.pageInfo.hasPreviousPage;
  next.disabled = !found?.pageInfo.hasNextPage;
  status.textContent = found ? summary(found) : '';
}

function summary({ totalCount, edges }: Images): string {
  if (totalCount > 0) return `${edges.length} of ${totalCount} ${totalCount === 1 ? 'image' : 'images'}`;
  const why = 'A private one shows here when its space is bound to the workspace of this namespace.';
  return search.value.trim() ? `No image matches. ${why}` : `There are no images for this namespace. ${why}`;
}

function row({ via, node }: Images['edges'][number]): HTMLElement {
  const radio = create('input', { type: 'radio', name: 'image', value: node.reference });
  radio.addEventListener('change', () => void loadTags(node.reference));
  const source = shown?.sources.find(({ registry }) => registry.id === node.registry.id);
  const facts = [VIA[via], node.updatedAt ? `updated ${ageOf(node.updatedAt)}` : null];
  if (source?.state === 'STALE') facts.push(source.asOf ? `stale: as of ${ageOf(source.asOf)}` : 'stale');
  const small = create('small', {}, facts.filter((fact) => fact !== null).join(' · '));
  const label = create('label', { className: 'image' }, radio, create('code', {}, node.reference), small);
  label.dataset['state'] = source?.state ?? 'CURRENT';
  return label;
}

/** What is known of a registry: how much of the list is its own, and whether that is of now. */
function source({ registry, state, asOf, error, images }: Images['sources'][number]): HTMLElement {
  const age = asOf ? `as of ${ageOf(asOf)}` : null;
  const count = `${images} ${images === 1 ? 'image' : 'images'}`;
  const text = {
    CURRENT: [count, age],
    STALE: [count, 'stale', age, error],
    UNAVAILABLE: ['unavailable: nothing of it is shown', error],
  }[state];
  const item = create('li', {}, create('strong', {}, registry.name), ` ${text.filter(Boolean).join(' · ')}`);
  item.dataset['state'] = state;
  return item;
}

function clearTags(): void {
  choice.cancel();
  tags.replaceChildren();
  tags.disabled = true;
  use.disabled = true;
  say(tagProblem, null);
}

function loadTags(reference: string): Promise<void> {
  clearTags();
  return choice.run(async (signal) => {
    try {
      const { data, refusals } = await ask(token, ListTagsDocument, { namespace, reference }, signal);
      const found = data.availableImage?.node.tags;
      const [refusal] = refusals;
      if (refusal) throw new GraphError(refusal);
      tags.replaceChildren(
        ...(found?.nodes ?? []).map(({ name, pullReference, pinnedReference, pushedAt }) => {
          const text = pushedAt ? `${name}, pushed ${ageOf(pushedAt)}` : name;
          const option = create('option', { value: pullReference, textContent: text });
          if (pinnedReference) option.dataset['pinned'] = pinnedReference;
          return option;
        }),
      );
      if (tags.options.length === 0) say(tagProblem, 'It has no tags, so there is nothing to pull.');
      offer();
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      say(tagProblem, textOf(error.refusal));
    }
  });
}

function offer(): void {
  tags.disabled = tags.options.length === 0;
  use.disabled = selected() === null;
}

/** The reference to deploy: by digest where that is wanted and known, so that every pod runs the same image. */
function selected(): string | null {
  const option = tags.selectedOptions[0];
  if (!option) return null;
  return (pin.checked ? option.dataset['pinned'] : undefined) ?? option.value;
}
