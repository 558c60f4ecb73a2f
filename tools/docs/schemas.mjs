// docs/schema: the schemas that crashtest describes, with the types and the reader of the same things.
import { publishedSchemas } from '@dumpstack/crashtest'

export const schemaFiles = () =>
  publishedSchemas.map((schema) => [schema.$id, `${JSON.stringify(schema, null, 2)}\n`])
