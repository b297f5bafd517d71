// Defines all custom elements. Import it for its effect: import 'sluice-moe/elements'.

export { SluiceApp } from './ui/sluice-app';
export { SluiceCache } from './ui/sluice-cache';
export { SluiceChat } from './ui/sluice-chat';
export { SluiceHeatmap } from './ui/sluice-heatmap';
export { SluiceTokens } from './ui/sluice-tokens';
export type { Suggestion } from './ui/chat/suggestions-view';
export type { SluiceEventDetails } from './ui/events';
