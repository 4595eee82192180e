// Where GraphiQL keeps what was typed: in this tab of the browser, and forgotten with it, as variables may hold a
// registry's password. How the page looks is kept for ever.
const LASTING = new Set(['graphiql:theme', 'graphiql:visiblePlugin', 'graphiql:docExplorerFlex', 'graphiql:editorFlex']);

const place = (key) => (LASTING.has(key) ? localStorage : sessionStorage);

export const storage = {
  getItem: (key) => place(key).getItem(key),
  setItem: (key, value) => place(key).setItem(key, value),
  removeItem: (key) => place(key).removeItem(key),
  get length() {
    return sessionStorage.length + localStorage.length;
  },
  clear() {
    for (const kept of [localStorage, sessionStorage]) {
      Object.keys(kept)
        .filter((key) => key.startsWith('graphiql:'))
        .forEach((key) => kept.removeItem(key));
    }
  },
};
