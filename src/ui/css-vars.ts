// `<div ${cssVars({ '--share': '0.4' })}>`: sets custom properties through the CSSOM. Lit's styleMap writes a style attribute on its first render,
// which a content security policy without 'unsafe-inline' refuses.

import type { ElementPart, PartInfo } from 'lit/directive.js';
import { directive, Directive, PartType } from 'lit/directive.js';
import { noChange } from 'lit';

type CssVars = Readonly<Record<`--${string}`, string | number>>;

class CssVarsDirective extends Directive {
  #previous: Record<string, string> = {};

  constructor(info: PartInfo) {
    super(info);
    if (info.type !== PartType.ELEMENT) throw new Error('cssVars belongs on an element, not in an attribute');
  }

  render(_vars: CssVars): unknown {
    return noChange;
  }

  override update(part: ElementPart, [vars]: [CssVars]): unknown {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(vars)) {
      const text = String(value);
      if (this.#previous[name] === text) continue;
      this.#previous[name] = text;
      style.setProperty(name, text);
    }
    return noChange;
  }
}

export const cssVars = directive(CssVarsDirective);
