/** The page for people, at `/`: everything that it shows comes from `GET /_simulator/overview`, everything that it does is a request to the control API. */
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tencent Cloud simulator</title>
<style>
  :root { color-scheme: light dark; font: 14px/1.45 system-ui, sans-serif; --line: #8884; --soft: #8882; }
  body { margin: 0 auto; max-width: 1400px; padding: 12px 20px 40px; }
  header { display: flex; flex-wrap: wrap; gap: 12px; align-items: center; border-bottom: 1px solid var(--line); padding-bottom: 10px; }
  h1 { font-size: 18px; margin: 0; }
  h2 { font-size: 15px; margin: 22px 0 6px; }
  h2 small { font-weight: normal; opacity: .7; }
  table { border-collapse: collapse; width: 100%; font-size: 13px; }
  th { text-align: left; font-weight: 600; opacity: .7; }
  th, td { padding: 3px 10px 3px 0; border-bottom: 1px solid var(--soft); vertical-align: top; }
  td.id, td.code { font-family: ui-monospace, monospace; white-space: nowrap; }
  .state { padding: 0 6px; border-radius: 8px; background: var(--soft); white-space: nowrap; }
  .good { background: #2a84; } .bad { background: #d334; } .moving { background: #e914; }
  button, select, input { font: inherit; font-size: 13px; }
  .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 0 32px; }
  form, .row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 6px 0; }
  #trouble { color: #d33; }
  .none { opacity: .6; }
</style>
<header>
  <h1>Tencent Cloud simulator</h1>
  <label>Region <select id="region"></select></label>
  <span id="speed"></span>
  <button id="clock">Stop the clock</button>
  <button id="next">On to the next event</button>
  <span id="trouble" role="alert"></span>
</header>
<section aria-labelledby="h-faults">
  <h2 id="h-faults">Faults <small id="n-faults"></small></h2>
  <form id="arm">
    <label>Action <input id="action" list="actions" placeholder="any" size="22"></label><datalist id="actions"></datalist>
    <label>Kind <select id="kind">
      <option value="answer-lost">the answer is lost</option>
      <option value="request-lost">the request is lost</option>
      <option value="http-502">HTTP 502</option>
      <option value="error">InternalError</option>
      <option value="throttle">RequestLimitExceeded</option>
      <option value="delay">5 seconds late</option>
      <option value="pause">held until released</option>
      <option value="image-fails">the image fails</option>
      <option value="launch-fails">the launch fails</option>
      <option value="stop-ignored">the stop is ignored</option>
    </select></label>
    <label>on call no. <input id="nth" type="number" min="1" value="1" style="width:4em"></label>
    <button>Arm</button>
    <button type="button" id="outage">Outage of 30 seconds</button>
    <button type="button" id="disarm">Disarm all</button>
  </form>
  <table id="faults"></table>
</section>
<section><h2>Instances <small id="n-instances"></small></h2><table id="instances"></table></section>
<div class="columns">
  <section><h2>Images <small id="n-images"></small></h2><table id="images"></table></section>
  <section><h2>On its way <small id="n-operations"></small></h2><table id="operations"></table></section>
</div>
<section><h2>Snapshots <small id="n-snapshots"></small></h2><table id="snapshots"></table></section>
<section><h2>Calls <small>the latest first</small></h2><table id="calls"></table></section>
<script>
'use strict';
const $ = (id) => document.getElementById(id);
const known = ['CreateImage','DescribeImages','RunInstances','StopInstances','StartInstances','CreateSnapshot','DescribeSnapshots','DescribeInstances','DeleteImages','DeleteSnapshots','SyncImages','TerminateInstances'];
$('actions').append(...known.map((value) => Object.assign(document.createElement('option'), { value })));
const good = new Set(['NORMAL', 'RUNNING', 'OK']);
const bad = new Set(['CREATEFAILED', 'LAUNCH_FAILED', 'lost', 'http-502']);
const still = new Set(['STOPPED', 'SHUTDOWN']);
let shown = '';
let pressing = false;
addEventListener('pointerdown', () => (pressing = true));
addEventListener('pointerup', () => (pressing = false));
addEventListener('pointercancel', () => (pressing = false));

async function control(method, path, body) {
  try {
    const response = await fetch('/_simulator' + path, { method, body: body && JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    $('trouble').textContent = '';
    return answer;
  } catch (error) {
    $('trouble').textContent = error.message;
  } finally {
    if (method !== 'GET') setTimeout(look);
  }
}

function state(text, percent) {
  const span = document.createElement('span');
  span.textContent = percent < 100 ? text + ' ' + percent + ' %' : text;
  span.className = 'state ' + (good.has(text) ? 'good' : bad.has(text) || /\\./.test(text) || /Error|Exceeded|Denied/.test(text) ? 'bad' : still.has(text) ? '' : 'moving');
  return span;
}

function button(label, act) {
  const element = document.createElement('button');
  element.textContent = label;
  element.onclick = act;
  return element;
}

/** A table from rows of cells; a cell is text, an element, or a list of elements. */
function fill(id, heads, rows) {
  const table = $(id);
  table.replaceChildren();
  if (rows.length === 0) {
    table.insertRow().insertCell().textContent = 'none';
    table.rows[0].className = 'none';
    return;
  }
  const head = table.createTHead().insertRow();
  for (const text of heads) head.append(Object.assign(document.createElement('th'), { textContent: text, scope: 'col' }));
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) {
      const at = line.insertCell();
      if (/^(ins|img|snap|disk)-/.test(cell)) at.className = 'id';
      at.append(...[cell].flat().flatMap((part) => [part, ' ']));
      for (const one of at.querySelectorAll('button')) one.ariaLabel = one.textContent + ' ' + row[0];
    }
  }
}

const count = ({ total, rows }) => (total > rows.length ? rows.length + ' newest of ' + total : String(total));
const meddle = (act, id) => button({ 'stop-instance': 'Stop', 'start-instance': 'Start', 'terminate-instance': 'Terminate', 'delete-image': 'Delete', 'fail-image': 'Fail', 'delete-snapshot': 'Delete' }[act], () => control('POST', '/interfere', { act, id }));

function render(data) {
  const region = $('region').value;
  const names = data.regions.length ? data.regions : ['ap-guangzhou'];
  if ([...$('region').options].map((one) => one.value).join() !== names.join()) {
    $('region').replaceChildren(...names.map((name) => new Option(name, name, false, name === region)));
  }
  $('speed').textContent = data.speed + ' times as fast as the real cloud' + (data.stopped ? ', stopped' : '');
  $('clock').textContent = data.stopped ? 'Start the clock' : 'Stop the clock';
  $('clock').onclick = () => control('POST', '/clock', { stopped: !data.stopped });
  $('n-faults').textContent = data.faults.length + ' armed';
  fill('faults', ['Fault', 'Action', 'Kind', 'Met', 'Fired', ''], data.faults.map((one) => [
    one.id, one.action ?? one.service ?? 'any', one.kind + (one.code ? ' ' + one.code : ''), String(one.seen), String(one.fired),
    [...(one.kind === 'pause' ? [button('Release ' + one.waiting, () => control('POST', '/faults/' + one.id + '/release'))] : []), button('Disarm', () => control('DELETE', '/faults/' + one.id))],
  ]));
  $('n-instances').textContent = count(data.instances);
  fill('instances', ['ID', 'Name', 'State', 'Going on', 'Address', 'Disks', 'Account', 'Someone else'], data.instances.rows.map((one) => [
    one.id, one.name, state(one.state), one.busy, one.address, one.disks, one.account,
    [meddle(one.state === 'STOPPED' ? 'start-instance' : 'stop-instance', one.id), meddle('terminate-instance', one.id)],
  ]));
  $('n-images').textContent = count(data.images) + ', quota ' + data.imageQuota;
  fill('images', ['ID', 'Name', 'State', 'Family', 'Account', 'Someone else'], data.images.rows.map((one) => [
    one.id, one.name, state(one.state, one.percent), one.family, one.account,
    [...(one.state === 'CREATING' ? [meddle('fail-image', one.id)] : []), meddle('delete-image', one.id)],
  ]));
  $('n-operations').textContent = count(data.operations);
  fill('operations', ['What', 'To', 'In'], data.operations.rows.map((one) => [one.type, one.target, one.seconds + ' s']));
  $('n-snapshots').textContent = count(data.snapshots);
  fill('snapshots', ['ID', 'Name', 'State', 'Of', 'GiB', 'Images', 'Account', 'Someone else'], data.snapshots.rows.map((one) => [
    one.id, one.name, state(one.state, one.percent), one.disk, String(one.size), String(one.images), one.account, meddle('delete-snapshot', one.id),
  ]));
  fill('calls', ['Time', 'Action', 'Outcome', 'Region', 'Resources', 'Faults'], data.calls.map((one) => [
    one.time.slice(11, 23), one.action, state(one.outcome), one.region, one.resources.join(' '), one.faults.join(' '),
  ]));
}

async function look() {
  const data = await control('GET', '/overview?region=' + encodeURIComponent($('region').value || 'ap-guangzhou'));
  const text = JSON.stringify(data);
  // What a person is about to press is not taken away.
  if (data === undefined || text === shown || pressing) return;
  shown = text;
  const focused = document.activeElement?.ariaLabel;
  render(data);
  if (focused) [...document.querySelectorAll('button')].find((one) => one.ariaLabel === focused)?.focus();
}

$('region').onchange = look;
$('next').onclick = () => control('POST', '/clock', { advance: 'next' });
$('outage').onclick = () => control('POST', '/faults', { kind: 'http-502', lasts: 30000 });
$('disarm').onclick = () => control('DELETE', '/faults');
$('arm').onsubmit = (event) => {
  event.preventDefault();
  const kind = $('kind').value;
  const more = { error: { code: 'InternalError' }, throttle: { kind: 'error', code: 'RequestLimitExceeded', message: 'Please reduce the frequency of calls.' }, delay: { milliseconds: 5000 } }[kind];
  const action = $('action').value.trim();
  control('POST', '/faults', { kind, nth: Number($('nth').value), ...(action && { action }), ...more });
};
look();
setInterval(() => { if (!document.hidden) look(); }, 1000);
</script>
</html>
`;
