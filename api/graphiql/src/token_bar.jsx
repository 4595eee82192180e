// The bar above GraphiQL: a field for the token, and whom the graph sees behind it.
import { useEffect, useState } from 'react';

import { findViewer } from './fetcher.js';
import { tokenIn } from './token.js';

/** Long enough to type on, short enough to look immediate after pasting. */
const PAUSE_MS = 300;

export function TokenBar({ token, onChange }) {
  const [text, setText] = useState(token);
  const [state, setState] = useState({ kind: 'absent', text: '' });

  useEffect(() => {
    const pause = setTimeout(() => onChange(tokenIn(text)), PAUSE_MS);
    return () => clearTimeout(pause);
  }, [text]);

  useEffect(() => {
    if (!token) {
      setState({ kind: 'absent', text: 'Paste a token to ask anything.' });
      return undefined;
    }
    const asking = new AbortController();
    findViewer(token, asking.signal).then(
      ({ subject, name, isAdmin }) =>
        setState({ kind: 'known', text: `${name ?? subject}${isAdmin ? ', Admin' : ''}` }),
      (error) => asking.signal.aborted || setState({ kind: 'refused', text: error.message }),
    );
    return () => asking.abort();
  }, [token]);

  return (
    <form className="token-bar" onSubmit={(event) => event.preventDefault()}>
      <strong>Fairway</strong>
      <label htmlFor="token">Token</label>
      <input
        id="token"
        type="password"
        autoComplete="off"
        spellCheck="false"
        placeholder="eyJ…"
        title="Kept in this tab of the browser, and forgotten with it"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <output htmlFor="token" data-state={state.kind}>
        {state.text}
      </output>
    </form>
  );
}
