// The verbs over HTTP, and the state as it changes.

// Fault is a refusal: its code, its message in English, and what it is about.
export class Fault extends Error {
	constructor(told) {
		super(told.message);
		Object.assign(this, { code: told.code, field: told.field, faults: told.faults || [], wait: told.wait_s });
	}
}

async function send(method, path, args) {
	let answer;
	try {
		answer = await fetch(path, {
			method, cache: 'no-store', headers: method === 'POST' ? { 'Content-Type': 'application/json' } : {},
			body: method === 'POST' ? JSON.stringify(args || {}) : undefined, signal: AbortSignal.timeout(15000),
		});
	} catch {
		throw new Fault({ code: 'contact', message: 'the gateway does not answer' });
	}
	let told;
	try {
		told = await answer.json();
	} catch {
		throw new Fault({ code: 'contact', message: 'the gateway gave no answer that can be read' });
	}
	if (!answer.ok) throw new Fault(told.error || { code: 'failed', message: answer.statusText });
	return told;
}

// look asks for something, tell changes something. A verb's name is its path.
export const look = (verb) => send('GET', '/v1/' + verb.replaceAll(' ', '/'));
export const tell = (verb, args) => send('POST', '/v1/' + verb.replaceAll(' ', '/'), args);

// watch calls onState with each new state and onContact when contact is lost or back. It
// returns what ends it.
export function watch(onState, onContact) {
	let source, again, ended = false;
	const open = () => {
		source = new EventSource('/v1/events');
		source.addEventListener('status', (e) => { onContact(true); onState(JSON.parse(e.data)); });
		source.onerror = () => {
			onContact(false);
			source.close();
			if (!ended) again = setTimeout(open, 2000);
		};
	};
	open();
	return () => { ended = true; clearTimeout(again); source.close(); };
}
