// Styles of an element that follow from values, set property by property: `<div ${styled({ width })}>`. As an attribute
// (Lit's styleMap writes one first) the page's Content-Security-Policy refuses them.

import { noChange } from 'lit'
import { Directive, directive, type ElementPart } from 'lit/directive.js'

class Styled extends Directive {
  private names: readonly string[] = []

  override render(_styles: Readonly<Record<string, string>>) {
    return noChange
  }

  override update(part: ElementPart, [styles]: [Readonly<Record<string, string>>]) {
    const { style } = part.element as HTMLElement
    for (const name of this.names) if (!(name in styles)) style.removeProperty(name)
    for (const [name, value] of Object.entries(styles)) style.setProperty(name, value)
    this.names = Object.keys(styles)
    return noChange
  }
}

/** By their names in CSS: `flex-grow`, `--colour`. */
export const styled = directive(Styled)
