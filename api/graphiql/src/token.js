// The token that is asked with. It is kept for this tab of the browser, and forgotten with it.
const KEY = 'fairway:token';

/** The token kept from before in this tab, or else the one that `serve --dev` fills in. */
export const initialToken = (given) => sessionStorage.getItem(KEY) ?? given ?? '';

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

/** The token in what somebody pasted: alone, behind `Bearer`, or in a line of JSON. */
export const tokenIn = (text) => text.match(/[\w-]+\.[\w-]+\.[\w-]+/)?.[0] ?? text.trim();
