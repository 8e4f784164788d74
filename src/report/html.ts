/**
 * The page as one file: style, code and data inline, nothing from outside. The policy in its head allows its own style and code, by
 * their hashes, and nothing else: no request, no other script. What came from a file is in the data, which is JSON without any `<`,
 * and the title, which is escaped.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PageModel } from './model.ts'

/** Beside the built command, wherever this module itself was loaded from. */
function built(name: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${DIST}src/report/${name}`, import.meta.url)), 'utf8')
}

/** Run from its sources, a module lies beside `dist`; built, in it. */
const DIST = import.meta.url.endsWith('.ts') ? 'dist/' : ''

export function renderPage(model: PageModel): string {
  const style = built('page/style.css')
  const code = built('page/main.js')
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(style)}'`,
    `script-src '${hashOf(code)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escaped(model.title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<main id="page"><noscript>This page draws itself with a script of its own: allow scripts to see it.</noscript></main>',
    `<script type="application/json" id="model">${JSON.stringify(model).replaceAll('<', '\\u003c')}</script>`,
    `<script>${code}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}
