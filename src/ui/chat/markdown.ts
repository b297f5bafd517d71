// An answer's Markdown as sanitised HTML, block by block. While an answer streams, only its last block changes: the others keep their text, so Lit leaves
// their DOM (and a reader's selection) alone.

import DOMPurify from 'dompurify';
import { Lexer, Parser } from 'marked';

/** Elements that an answer may hold. No images: their addresses would send what the model wrote to other hosts. */
const ALLOWED_TAGS = 'a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s strong sub sup table tbody td th thead tr ul'.split(' ');
const ALLOWED_ATTRIBUTES = ['align', 'href', 'start', 'title'];
const MAX_CACHED_BLOCKS = 512;

const cache = new Map<string, string>();

/** HTML of each top-level block of the text; safe to put into a page. */
export function markdownBlocks(text: string): readonly string[] {
  const blocks: string[] = [];
  for (const token of Lexer.lex(text, { gfm: true, breaks: true })) {
    if (token.type === 'space') continue;
    let html = cache.get(token.raw);
    if (html === undefined) {
      html = sanitize(Parser.parse([token], { gfm: true, breaks: true }));
      if (cache.size >= MAX_CACHED_BLOCKS) cache.clear();
      cache.set(token.raw, html);
    }
    blocks.push(html);
  }
  return blocks;
}

export function sanitize(html: string): string {
  const fragment = DOMPurify.sanitize(html, { ALLOWED_TAGS, ALLOWED_ATTR: ALLOWED_ATTRIBUTES, RETURN_DOM_FRAGMENT: true });
  for (const link of fragment.querySelectorAll('a')) {
    link.setAttribute('target', '_blank');
    link.setAttribute('rel', 'noopener noreferrer nofollow');
  }
  const holder = document.createElement('div');
  holder.append(fragment);
  return holder.innerHTML;
}
