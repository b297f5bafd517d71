// To be imported by suites that compile much and compute little: SwiftShader takes a fraction of the time that lavapipe takes to compile our kernels (39 small
// models: 85 s against 260 s), and longer to run them. Where there is no SwiftShader they run on what there is.

import { findSwiftShader } from '../../src/tools/chromium.mjs';

// Real environment, since test files have processes of their own; the Vulkan loader reads it when Dawn is created.
const driver = findSwiftShader();
if (driver) process.env['VK_ICD_FILENAMES'] = driver;
