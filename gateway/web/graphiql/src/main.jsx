import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { examples } from './examples.js';
import { fetcher } from './fetcher.js';
import { PriceButton } from './price.jsx';
import { keepingNoHeaders } from './storage.js';

const explorer = explorerPlugin({ showAttribution: false });
const plugins = [HISTORY_PLUGIN, explorer];
const storage = keepingNoHeaders(localStorage);

/** Fetch the page's configuration: initial headers (of a demo) and links. */
async function config() {
  const response = await fetch(`${import.meta.env.BASE_URL}config.json`);
  return response.json();
}

function Page({ headers, links }) {
  const prefilled = Object.keys(headers).length ? JSON.stringify(headers, null, 2) : undefined;
  return (
    <GraphiQL
      fetcher={fetcher}
      storage={storage}
      plugins={plugins}
      visiblePlugin={explorer}
      defaultTabs={examples.map(example => ({ ...example, headers: prefilled }))}
      defaultHeaders={prefilled}
      defaultQuery=""
      shouldPersistHeaders={false}
    >
      <GraphiQL.Toolbar>
        {({ prettify, merge, copy }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <PriceButton />
          </>
        )}
      </GraphiQL.Toolbar>
      <GraphiQL.Logo>
        <span className="gateway-name">Clients gateway</span>
        {Object.entries(links).map(([text, href]) => (
          <a key={text} className="graphiql-logo-link" href={href} target="_blank" rel="noreferrer">
            {text}
          </a>
        ))}
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

createRoot(document.getElementById('graphiql')).render(<Page {...await config()} />);
