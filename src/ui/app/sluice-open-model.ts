// <sluice-open-model>: asks for a model: an address, or files. A dialog; what is chosen leaves as a `sluice-open` event.

import { css, html, LitElement } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { emit } from '../events';
import { fileIcon } from '../icons';
import { controls, tokens } from '../styles';

/**
 * @method show() - opens the dialog
 * @fires sluice-open - {source}: a URL, "hf:owner/repo/file.gguf", "demo" or files
 */
@customElement('sluice-open-model')
export class SluiceOpenModel extends LitElement {
  @state() private address = '';
  @query('dialog') private readonly dialog!: HTMLDialogElement;
  @query('input[type=file]') private readonly fileInput!: HTMLInputElement;

  static override readonly styles = [
    tokens,
    controls,
    css`
      dialog {
        width: min(34rem, calc(100vw - 2rem));
        border: 1px solid var(--_line);
        border-radius: 14px;
        padding: 1.25rem;
        background: var(--_surface);
        color: var(--_ink);
        box-shadow: 0 20px 60px rgb(0 0 0 / 0.3);
      }
      dialog::backdrop {
        background: rgb(8 14 14 / 0.5);
      }
      h2 {
        margin: 0 0 0.35rem;
        font-size: 1.125rem;
      }
      p {
        margin: 0 0 1rem;
        color: var(--_ink-soft);
        font-size: 0.875rem;
      }
      form {
        display: grid;
        gap: 0.35rem;
      }
      label {
        font-weight: 500;
        font-size: 0.875rem;
      }
      .row {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem;
      }
      .row input {
        flex: 1 1 14rem;
        font-family: var(--_mono);
        font-size: 0.8125rem;
      }
      .hint {
        font-size: 0.75rem;
        margin: 0;
      }
      .or {
        display: grid;
        grid-template-columns: 1fr auto 1fr;
        gap: 0.75rem;
        align-items: center;
        margin-block: 1rem;
        color: var(--_ink-soft);
        font-size: 0.8125rem;
      }
      .or::before,
      .or::after {
        content: '';
        height: 1px;
        background: var(--_line);
      }
      .end {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0.5rem;
        margin-block-start: 1.25rem;
      }
      .files {
        width: 100%;
      }
    `,
  ];

  show(): void {
    this.dialog.showModal();
  }

  override render(): unknown {
    return html`<dialog aria-labelledby="title">
      <h2 id="title">Open a model</h2>
      <p>A GGUF file of a Mixture-of-Experts model. It runs in this tab; nothing is sent anywhere. The present model stays until the new one is ready.</p>
      <form @submit=${this.#onSubmit}>
        <label for="address">Address</label>
        <div class="row">
          <input
            id="address"
            type="text"
            autocomplete="off"
            spellcheck="false"
            placeholder="hf:owner/repo/file.gguf"
            aria-describedby="address-hint"
            .value=${this.address}
            @input=${(event: Event) => (this.address = (event.target as HTMLInputElement).value)}
          />
          <button class="primary" ?disabled=${this.address.trim() === ''}>Open</button>
        </div>
        <p class="hint" id="address-hint">A Hugging Face file, or an https:// address of a server that supports range requests.</p>
      </form>
      <div class="or">or</div>
      <button class="files" @click=${() => this.fileInput.click()}>${fileIcon} Choose files on this device</button>
      <input type="file" accept=".gguf" multiple hidden aria-label="Model files" @change=${this.#onFiles} />
      <p class="hint">You can also drop a .gguf file anywhere on the page.</p>
      <div class="end">
        <button class="quiet" @click=${() => this.#choose('demo')}>Back to the demo model</button>
        <button @click=${() => this.dialog.close()}>Cancel</button>
      </div>
    </dialog>`;
  }

  #onSubmit(event: Event): void {
    event.preventDefault();
    if (this.address.trim() !== '') this.#choose(this.address.trim());
  }

  #onFiles(): void {
    const files = [...(this.fileInput.files ?? [])];
    this.fileInput.value = '';
    if (files.length > 0) this.#choose(files);
  }

  #choose(source: string | File[]): void {
    this.dialog.close();
    emit(this, 'sluice-open', { source });
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-open-model': SluiceOpenModel;
  }
}
