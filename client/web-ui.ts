/** Where the Web UI is, as far as it can be told from what we connect to. */
export interface UiPlace {
  address: string;
  namespace: string;
  /** Base address, such as https://temporal.example.com; default TEMPORAL_UI_URL. */
  uiUrl?: string | undefined;
}

/**
 * Address of a build in the Temporal Web UI; undefined when nobody said where the UI is and it cannot be guessed.
 * A local server has it 1000 ports above its own, as the dev server does; Temporal Cloud has one for all.
 */
export function webUiUrl(place: UiPlace, build: { workflowId: string; runId: string }): string | undefined {
  const base = place.uiUrl ?? process.env.TEMPORAL_UI_URL ?? guess(place.address);
  if (base === undefined || base === '') return undefined;
  const { workflowId, runId } = build;
  const namespace = encodeURIComponent(place.namespace);
  return `${base.replace(/\/+$/, '')}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}`;
}

function guess(address: string): string | undefined {
  const [, host = '', port = '7233'] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  if (['localhost', '127.0.0.1', '[::1]', ''].includes(host)) {
    return `http://${host || 'localhost'}:${Number(port) + 1000}`;
  }
  if (/\.(tmprl\.cloud|api\.temporal\.io)$/.test(host)) return 'https://cloud.temporal.io';
  return undefined;
}
