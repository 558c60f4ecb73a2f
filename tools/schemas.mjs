// Writes the schemas of docs/schema that the code describes. A test holds the files against the descriptions.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { publishedSchemas } from '../packages/crashtest/dist/schema/published.js'

for (const schema of publishedSchemas) {
  const file = fileURLToPath(new URL(`../${schema.$id}`, import.meta.url))
  writeFileSync(file, `${JSON.stringify(schema, null, 2)}\n`)
}
