// Addresses of models: what a person types, as a URL that can be fetched.

import { EngineError } from '../core/errors';

/** Of a Hugging Face user or repository. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.))*$/;
const MAX_ADDRESS_LENGTH = 4096;

/**
 * "hf:owner/repo/path/file.gguf" → the file's address on huggingface.co (the main branch); http and https URLs pass as they are.
 * Throws 'invalid-argument' for everything else.
 */
export function resolveModelUrl(address: string): string {
  const text = address.trim();
  if (text.length > MAX_ADDRESS_LENGTH) throw invalid('The address is too long.');
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return text;
  if (!text.startsWith('hf:')) throw invalid(`"${text.slice(0, 100)}" is not the address of a model.`);
  const [owner, repository, ...path] = text.slice('hf:'.length).split('/');
  if (owner === undefined || repository === undefined || path.length === 0) throw invalid(`"${text}" does not name a file in a repository.`);
  const bad = [owner, repository].find((part) => !NAME.test(part)) ?? path.find((part) => part === '' || part === '.' || part === '..');
  if (bad !== undefined) throw invalid(`"${text}" has the part "${bad}", which cannot be in a name on Hugging Face.`);
  if (!/\.gguf$/i.test(text)) throw invalid(`"${text}" does not end in .gguf.`);
  return `https://huggingface.co/${owner}/${repository}/resolve/main/${path.map(encodeURIComponent).join('/')}`;
}

function invalid(message: string): EngineError {
  return new EngineError('invalid-argument', message, 'Give hf:owner/repository/file.gguf, or an address that begins with https://.');
}
