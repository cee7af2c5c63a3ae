// graphql-js reads the schema as tools do: every form of the introspection query it can ask.
import { buildClientSchema, getIntrospectionQuery, printSchema, validateSchema } from "graphql";
import { credential, url } from "../setting.mjs";

const FORMS = {
  "as of graphql 14": { specifiedByUrl: false },
  "by default": {},
  whole: {
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  },
};

for (const [form, options] of Object.entries(FORMS)) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { ...credential, "Content-Type": "application/json" },
    body: JSON.stringify({ query: getIntrospectionQuery(options) }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(JSON.stringify(errors));
  const schema = buildClientSchema(data);
  const wrong = validateSchema(schema).map(({ message }) => message);
  const { createClient } = schema.getMutationType().getFields();
  const printed = printSchema(schema).includes("union CreateClientResult = ");
  console.log(`${form}: ${answer.status} ${wrong.length} wrong ${createClient.name} ${printed}`);
}
