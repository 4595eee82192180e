// The page: GraphiQL against the address that it was loaded from, below a bar for the token.
import { createRoot } from 'react-dom/client';
import { useEffect, useMemo, useState } from 'react';
import { useGraphiQL } from '@graphiql/react';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';

import './page.css';
import './worker.js';
import { examples } from './examples.js';
import { createFetcher } from './fetcher.js';
import { storage } from './storage.js';
import { initialToken, keepToken } from './token.js';
import { TokenBar } from './token_bar.jsx';

const settings = JSON.parse(document.getElementById('settings').textContent);
const plugins = [HISTORY_PLUGIN, explorerPlugin()];
// GraphiQL takes the variables of its first tab from here, and from nowhere else, as long as it has kept none.
const isNew = storage.getItem('graphiql:tabState') === null;
const initialVariables = isNew ? examples[0].variables : undefined;

function Page() {
  const [token, setToken] = useState(() => initialToken(settings.token));
  // Another fetcher makes GraphiQL read the schema again, which those without a token may not.
  const fetcher = useMemo(() => createFetcher(token), [token]);
  const use = (token) => {
    keepToken(token);
    setToken(token);
  };
  return (
    <>
      <TokenBar token={token} onChange={use} />
      <GraphiQL
        fetcher={fetcher}
        plugins={plugins}
        defaultTabs={examples}
        initialVariables={initialVariables}
        defaultEditorToolsVisibility="variables"
        shouldPersistHeaders={false}
        storage={storage}
        inputValueDeprecation
        schemaDescription
      >
        {/* The bar above says where one is. */}
        <GraphiQL.Logo>
          <NewPage token={token} />
        </GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

/** Another token, another reader: what was answered to the one before, or refused, goes. */
function NewPage({ token }) {
  const responseEditor = useGraphiQL((state) => state.responseEditor);
  useEffect(() => responseEditor?.setValue(''), [token]);
  return null;
}

createRoot(document.getElementById('graphiql')).render(<Page />);
