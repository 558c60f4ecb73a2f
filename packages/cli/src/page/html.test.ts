import { expect, it } from 'vitest'
import { Html, html } from './html.ts'

it('escapes what is text, in elements and in attributes, and leaves HTML as it is', () => {
  const text = `<b a="1" c='2'>&amp;\u202e\u0007`
  const escaped = String.raw`&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;\u202e\u0007`
  expect(html`<p title="${text}">${text}${new Html('<br>')}${[html`${1}`, html`${text}`]}</p>`.text).toBe(
    `<p title="${escaped}">${escaped}<br>1${escaped}</p>`,
  )
})

it('cuts a text of any length, and says so', () => {
  const { text } = html`${'<'.repeat(20_000)}`
  expect(text).toBe(`${'&lt;'.repeat(10_000)} [10000 more characters are not shown]`)
})
