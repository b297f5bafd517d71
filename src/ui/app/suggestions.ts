// Prompts for the demo model: what it was trained to do, and text of other kinds, which goes to other experts.

import type { Suggestion } from '../chat/suggestions-view';

export const DEMO_SUGGESTIONS: readonly Suggestion[] = [
  { label: 'A story', prompt: 'Tell me a story about a little fox named Pip.', kind: 'chat' },
  { label: 'Fairy tale', prompt: 'The King said to his youngest son, "You must go', kind: 'completion' },
  { label: 'German manual', prompt: 'Klicken Sie auf die Schaltfläche, um', kind: 'completion' },
  { label: 'French novel', prompt: 'Le lendemain matin, il sortit de la maison et', kind: 'completion' },
  { label: 'Code', prompt: 'function add(a, b) {\n  return', kind: 'completion' },
];
