import { ToolbarButton, pick, useGraphiQL } from '@graphiql/react';

/** Parse the content of a JSON editor; an empty object if it is not valid JSON. */
function json(editor) {
  try {
    return JSON.parse(editor?.getValue() || '{}');
  } catch {
    return {};
  }
}

/** A button that requests the cost of the operation and shows it in the response editor. */
export function PriceButton() {
  const { headerEditor, operationName, queryEditor, responseEditor, variableEditor } = useGraphiQL(
    pick('headerEditor', 'operationName', 'queryEditor', 'responseEditor', 'variableEditor'),
  );

  async function explain() {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers: { ...json(headerEditor), 'Content-Type': 'application/json' },
      body: JSON.stringify({
        query: queryEditor?.getValue(),
        variables: json(variableEditor),
        operationName,
        extensions: { upstream: { explain: true } },
      }),
    });
    responseEditor?.setValue(JSON.stringify(await response.json(), null, 2));
  }

  return (
    <ToolbarButton onClick={explain} label="Explain price (nothing is executed)">
      <span className="graphiql-toolbar-icon gateway-price" aria-hidden="true">
        $
      </span>
    </ToolbarButton>
  );
}
