// The last lines of `npm test`, from vitest's JSON report and the checks before it. Every check counts as one.

/**
 * @typedef {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, testResults: Array<{ name: string, status: string, assertionResults: Array<{ status: string }> }> }} Report
 * @param {object} facts
 * @param {Report | undefined} facts.report undefined when vitest wrote none
 * @param {boolean} facts.hasPassed whether vitest ended with status 0
 * @param {number} facts.checkCount
 * @param {readonly string[]} facts.failedChecks
 * @param {readonly string[]} facts.missingAdapters projects that had to run on an adapter and did not
 */
export function summarise({ report, hasPassed, checkCount, failedChecks, missingAdapters }) {
  const sentences = failedChecks.map((name) => `Failed: ${name}.`);
  let failed = failedChecks.length;
  if (report) {
    // A file that does not load has no tests that could be counted.
    const broken = report.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'));
    for (const file of broken) sentences.push(`Failed to load: ${file.name}.`);
    const failedTests = report.numFailedTests + broken.length;
    failed += failedTests;
    if (!hasPassed && failedTests === 0) {
      failed += 1;
      sentences.push('Failed: the test run, outside any test.');
    }
    if (report.numPendingTests > 0) sentences.push(`Skipped: ${report.numPendingTests}.`);
  } else {
    failed += 1;
    sentences.push('Failed: the test run wrote no report.');
  }
  for (const project of missingAdapters) sentences.push(`Failed: REQUIRE_GPU=1, but the tests of "${project}" ran on no WebGPU adapter.`);
  failed += missingAdapters.length;
  return { passed: (report?.numPassedTests ?? 0) + checkCount - failedChecks.length, failed, sentences };
}
