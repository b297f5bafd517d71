// Finds the Chromium that tests drive, and the Vulkan driver that WebGPU in Node runs on. Plain Node: this runs before anything is installed.

import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'google-chrome-for-testing', 'chrome'];

/** Flags under which Chromium offers WebGPU on its own software adapter, with no GPU, display or network of its own. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  // Workgroup memory starts as zeros, for which SwiftShader compiles a store for each element, seconds for a pipeline, unless Dawn writes a loop into the shader.
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-dev-shm-usage',
];

/** Path of a Chromium: CHROMIUM_PATH, one on the machine, Playwright's own; undefined when there is none. */
export function findChromium() {
  const named = process.env.CHROMIUM_PATH;
  if (named) {
    if (!isExecutable(named)) throw new Error(`CHROMIUM_PATH is "${named}", which is not a program; correct or unset it.`);
    return named;
  }
  return [...onPath(), ...inUsualPlaces(), ...inPlaywrightFolder()].find(isExecutable);
}

/**
 * Driver file (ICD) for the Vulkan loader of the `webgpu` package in tests, or undefined to leave the choice to the loader. lavapipe is several times
 * faster than SwiftShader and has f16 and subgroups; Dawn refuses it before Mesa 25, which is when it came to Vulkan 1.4.
 */
export function findVulkanDriver() {
  if (process.platform !== 'linux') return undefined;
  if (process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES) return process.env.VK_ICD_FILENAMES || process.env.VK_DRIVER_FILES;
  return findLavapipe() ?? findSwiftShader();
}

export function findLavapipe() {
  const folder = '/usr/share/vulkan/icd.d';
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder)
    .filter((name) => /^lvp_icd.*\.json$/.test(name))
    .map((name) => join(folder, name))
    .find((path) => vulkanVersionOf(path) >= 1.004);
}

/** 1.4.305 → 1.004. @param {string} driverFile */
function vulkanVersionOf(driverFile) {
  const [major = 0, minor = 0] = String(JSON.parse(readFileSync(driverFile, 'utf8')).ICD?.api_version ?? '0')
    .split('.')
    .map(Number);
  return major + minor / 1000;
}

export function findSwiftShader() {
  const chromium = findChromium();
  const folders = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'];
  if (chromium) folders.unshift(dirname(realpathSync(chromium)));
  return folders.map((folder) => join(folder, 'vk_swiftshader_icd.json')).find((path) => existsSync(path));
}

function onPath() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command)));
}

function inUsualPlaces() {
  if (process.platform === 'darwin') {
    return ['Google Chrome', 'Chromium'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
  }
  if (process.platform === 'win32') {
    const roots = [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA];
    return roots.flatMap((root) => (root ? [join(root, 'Google', 'Chrome', 'Application', 'chrome.exe')] : []));
  }
  return ['/usr/lib/chromium/chromium', '/opt/google/chrome/chrome'];
}

function inPlaywrightFolder() {
  /** @type {Record<string, string>} */
  const caches = { darwin: 'Library/Caches', win32: 'AppData/Local', linux: '.cache' };
  const root = process.env.PLAYWRIGHT_BROWSERS_PATH || join(homedir(), caches[process.platform] ?? '.cache', 'ms-playwright');
  if (!existsSync(root)) return [];
  const programs = [
    'chrome-linux64/chrome',
    'chrome-linux/chrome',
    'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
    'chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
    'chrome-mac-x64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
    'chrome-win64/chrome.exe',
    'chrome-win/chrome.exe',
  ];
  return readdirSync(root)
    .filter((name) => /^chromium-\d+$/.test(name))
    .sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)))
    .flatMap((name) => programs.map((program) => join(root, name, program)));
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
