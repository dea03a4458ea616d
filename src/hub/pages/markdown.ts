import MarkdownIt from 'markdown-it';
import { type Html, trusted } from './html.ts';

/** What is beyond is left out: rendering takes time of every visitor, a quarter of a second for the worst of this length. */
const MAX_CHARACTERS = 25_000;

const renderer = makeRenderer();

/**
 * The overview of a repository, as a page shows it. It is hostile: HTML in it is shown as text, addresses of links are of the web or
 * of mail, search engines are told not to follow them, and pictures become links, so that a page never asks another host for anything.
 */
export function renderMarkdown(source: string): Html {
  // What was rendered from `source` escapes everything that is not markup of the renderer itself (`html: false`).
  return trusted(renderer.render(source.slice(0, MAX_CHARACTERS)));
}

function makeRenderer(): InstanceType<typeof MarkdownIt> {
  const markdown = new MarkdownIt({ html: false, linkify: true, typographer: false, maxNesting: 30 });
  markdown.validateLink = isWebAddress;
  const { rules } = markdown.renderer;
  rules['link_open'] = (tokens, index, options, _environment, self) => {
    const token = tokens[index];
    token?.attrSet('rel', 'nofollow noopener ugc');
    return self.renderToken(tokens, index, options);
  };
  rules['image'] = (tokens, index) => {
    const token = tokens[index];
    const address = String(token?.attrGet('src') ?? '');
    const text = token?.content || 'picture';
    const { escapeHtml } = markdown.utils;
    return `<a class="picture" href="${escapeHtml(address)}" rel="nofollow noopener ugc">${escapeHtml(text)}</a>`;
  };
  // The page has its own first heading: those of the overview begin one lower.
  rules['heading_open'] = (tokens, index) => `<h${lowered(tokens[index]?.tag)}>`;
  rules['heading_close'] = (tokens, index) => `</h${lowered(tokens[index]?.tag)}>\n`;
  rules['table_open'] = () => '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>\n';
  rules['table_close'] = () => '</table></div>\n';
  return markdown;
}

function lowered(tag = 'h1'): number {
  return Math.min(Number(tag.slice(1)) + 2, 6);
}

function isWebAddress(address: string): boolean {
  return /^(?:https?:\/\/|mailto:)[^\0-\x20\x7f\\]+$/i.test(address);
}
