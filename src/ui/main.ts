// The page: the application element, with what the address asks of it (?backend=cpu&gpu-budget=25%25&store=memory). A model is never taken from the
// address: a link must not start a download of gigabytes.

import '../elements';

const FROM_ADDRESS = ['backend', 'gpu-budget', 'store'] as const;

const app = document.createElement('sluice-app');
const wishes = new URLSearchParams(location.search);
for (const name of FROM_ADDRESS) {
  const value = wishes.get(name);
  if (value !== null) app.setAttribute(name, value);
}
document.body.append(app);
