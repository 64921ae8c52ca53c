// What the fake node answers: plain words, or in the scene `markdown` everything that Markdown has, with attempts to break out
// of it.

import type { GenerateRequest } from '../../../worker/node/api.ts'

const WORDS =
  'A tide is the slow rise and fall of the sea, and it is mostly the Moon that makes it. The side of the Earth that faces the Moon is pulled a little more than the middle, and the far side a little less, so the water stands high in two places at once. As the Earth turns under them, a coast passes both in a day.'

const MARKDOWN = `# Tides

It is mostly the **Moon** that makes them, *twice* a day; \`g\` falls with distance. See [a page](https://example.org/tides "Tides").

1. The near side is pulled more.
2. The far side is pulled less:
   - so the water stands high there too,
   - [x] and the coast passes both.

> The Sun does about half as much.

| body | pull, of the Moon’s | how far away it is from the Earth on average |
|---|---:|---|
| Moon | 1 | 384,400 km, which is some thirty times the diameter of the Earth |
| Sun | 0.46 | 149,600,000 km |

\`\`\`python
def pull(mass, distance):
    # A comment so long that it does not fit a phone's screen, nor many a column of text on a laptop, and has to be scrolled.
    return 2 * G * mass / distance ** 3
\`\`\`

<script>globalThis.broken = 'script'</script>
<img src="https://tracker.example/pixel.png" onerror="globalThis.broken = 'image'">
<b onclick="globalThis.broken = 'handler'">bold</b>

![a picture](https://tracker.example/picture.png)
[press me](javascript:globalThis.broken='link') and [me](data:text/html,<script>alert(1)</script>)

The end.`

/** An answer, in the pieces that it comes in. The scene `echo` says what was asked of the node. */
export function fakeAnswer(scene: string, { prompt, maxTokens, sampling }: GenerateRequest): readonly string[] {
  if (scene === 'echo') return ['```json\n', JSON.stringify({ prompt, maxTokens, sampling }), '\n```']
  return scene === 'markdown' ? MARKDOWN.split(/(?<=\n)/) : WORDS.split(/(?<= )/)
}
