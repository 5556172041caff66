// Sharing and the clients' network.

import { h, card, facts, field } from './dom.js';
import { t } from './text.js';
import { form } from './start.js';
import { propose } from './trial.js';
import { option, settings } from './settings.js';

export function draw(app) {
	const lan = h('div', {});
	settings().then((view) => lan.replaceChildren(network(app, view)));
	setTimeout(() => update(app));
	return [h('h1', {}, t('nav.hotspot')), h('div', { id: 'share' }), lan];
}

let drawn = null;

export function update(app) {
	const place = document.getElementById('share'), on = app.state.lan.sharing;
	if (!place || place.firstChild && drawn === on) return;
	drawn = on;
	place.replaceChildren(card(t('share.title'), h('p', {}, t(on ? 'share.is' : 'share.not')),
		h('div', { class: 'buttons' }, h('button', { class: on ? '' : 'main', onclick: () => propose('share', { on: !on }) }, t(on ? 'share.off' : 'share.on')))));
}

function network(app, view) {
	const value = (name) => option(view, 'lan', name).values.join(' ');
	return card(t('lan.title'), facts([t('lan.here'), app.state.lan.address], [t('lan.bridge'), app.state.lan.bridge]), form(app, [
		field(t('lan.address'), { name: 'lan.address', value: value('address'), inputMode: 'decimal' }, t('lan.address.help')),
		field(t('dhcp.lease'), { name: 'dhcp.leasetime', value: option(view, 'dhcp', 'leasetime').values.join('') }, t('dhcp.lease.help')),
	], t('save'), (f) => propose('config set', {
		revision: view.revision, changes: ['lan.address', 'dhcp.leasetime'].map((n) => n + '=' + f.elements.namedItem(n).value.trim()),
	}, f)));
}
