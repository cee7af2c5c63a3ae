// graphql-codegen's configuration: the schema is what the gateway answers to introspection.
export default {
  schema: [{ [process.env.GATEWAY]: { headers: { "X-API-Key": process.env.API_KEY } } }],
  generates: { [process.env.OUTPUT]: { plugins: ["introspection"] } },
};
