// Defines all custom elements. Import it for its effect: import 'sluice-moe/elements'.

export { SluiceApp } from './ui/sluice-app';
export { SluiceCache } from './ui/sluice-cache';
export { SluiceChat } from './ui/sluice-chat';
export { SluiceHeatmap } from './ui/sluice-heatmap';
export { SluiceSimulator } from './ui/sluice-simulator';
export { SluiceStoredModels } from './ui/sluice-stored-models';
export { SluiceTimes } from './ui/sluice-times';
export { SluiceTokens } from './ui/sluice-tokens';
export type { EngineLoader, ModelShelf } from './ui/load-engine';
export type { Suggestion } from './ui/chat/suggestions-view';
export type { SluiceEventDetails } from './ui/events';
