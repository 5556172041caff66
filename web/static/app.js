// The page: who is there, which view is shown, and the state that all views draw.

import { h, toast } from './dom.js';
import { look, watch } from './api.js';
import { speak, t } from './text.js';
import { drawTrial } from './trial.js';
import * as start from './start.js';
import * as home from './home.js';
import * as devices from './devices.js';
import * as hotspot from './hotspot.js';
import * as sim from './sim.js';
import * as system from './system.js';

const views = { home, devices, hotspot, sim, system };

// app is what views get: the state, who is logged in, and how to draw again.
const app = { state: null, session: null, show, refresh, draw, contact };

let stop = null, shown = '';

const viewName = () => (views[location.hash.slice(2)] ? location.hash.slice(2) : 'home');

// refresh asks who is logged in and begins anew.
async function refresh() {
	try {
		app.session = await look('session');
	} catch {
		contact(false);
		setTimeout(refresh, 2000);
		return;
	}
	stop?.();
	shown = '';
	stop = watch((state) => { app.state = state; home.sample(state); draw(); }, contact);
	draw();
}

// contact says whether the gateway answers.
let lost = false;
function contact(there) {
	const el = document.getElementById('contact');
	if (there && lost) look('session').then((s) => { if (s.in !== app.session?.in) refresh(); }, () => {});
	lost = !there;
	el.hidden = there;
	if (!there) {
		const trial = app.state?.trial;
		el.textContent = t('contact.lost') + (trial ? ' ' + t('contact.trial') : '');
	}
}

// show goes to a view.
function show(name) { location.hash = '#/' + name; }

// draw draws what changed. A view that somebody fills in keeps its form: it says itself
// what of it is live.
function draw() {
	if (!app.session) return;
	const main = document.getElementById('main');
	const name = app.session.fresh ? 'fresh' : app.session.in ? viewName() : 'login';
	drawNav(name);
	drawTrial(app);
	if (!app.state && name !== 'fresh' && name !== 'login') return;
	if (name === shown) {
		views[name]?.update(app);
		return;
	}
	const first = shown === '';
	shown = name;
	const view = name === 'fresh' ? start.fresh : name === 'login' ? start.login : views[name].draw;
	main.replaceChildren(...view(app));
	document.title = t('nav.' + name) + ' · tetherd';
	if (!first) main.focus();
}

function drawNav(current) {
	const nav = document.getElementById('nav');
	nav.hidden = !(current in views);
	nav.setAttribute('aria-label', t('nav'));
	nav.replaceChildren(...Object.keys(views).map((name) =>
		h('a', { href: '#/' + name, 'aria-current': name === current ? 'page' : undefined }, t('nav.' + name))));
}

addEventListener('hashchange', draw);
addEventListener('unhandledrejection', (e) => { toast(String(e.reason?.message || e.reason)); });

await speak();
await refresh();
