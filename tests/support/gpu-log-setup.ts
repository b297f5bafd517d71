// Runs once per project before its tests: forgets the adapters of the last run.

import type { TestProject } from 'vitest/node';
import { clearAdapters } from './gpu-log';

export default function setup(project: TestProject): void {
  clearAdapters(project.name.split(' ')[0] ?? project.name);
}
