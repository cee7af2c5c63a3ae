// Our SDL by graphql-eslint: every schema rule and every Relay rule, less those listed with a reason.
import plugin from "@graphql-eslint/eslint-plugin";

const all = {
  ...plugin.configs["flat/schema-all"].rules,
  ...plugin.configs["flat/schema-relay"].rules,
};
const [naming, names] = all["@graphql-eslint/naming-convention"];
const [describing, descriptions] = all["@graphql-eslint/require-description"];

export default [
  {
    files: ["schema/*.graphql"],
    languageOptions: {
      parser: plugin.parser,
      parserOptions: {
        graphQLConfig: {
          schema: ["schema/schema.graphql", "tests/clients/federation.graphql"],
        },
      },
    },
    plugins: { "@graphql-eslint": plugin },
    rules: {
      ...all,
      // Federation's own names begin with an underscore, and it describes them itself.
      "@graphql-eslint/naming-convention": [
        naming,
        {
          ...names,
          allowLeadingUnderscore: true,
          FieldDefinition: { style: "camelCase", ignorePattern: "^_(entities|service)$" },
          types: { style: "PascalCase", ignorePattern: "^_(Any|Entity|Service)$" },
        },
      ],
      "@graphql-eslint/require-description": [
        describing,
        { ...descriptions, ignoredSelectors: ["[name.value=/^_/]"] },
      ],
      // Lists of places and of what is wrong are no connections.
      "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
      // We write and deliver changes, too.
      "@graphql-eslint/no-root-type": "off",
      // The order is the reader's: what matters first.
      "@graphql-eslint/alphabetize": "off",
      // `clientType` is what the API calls it.
      "@graphql-eslint/no-typename-prefix": "off",
      // Only entities have an identity: a result, a page or an issue has none.
      "@graphql-eslint/strict-id-in-types": "off",
      // A failure is a member of the result's union, and so the result is always there.
      "@graphql-eslint/require-nullable-result-in-root": "off",
    },
  },
];
