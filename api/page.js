'use strict';
// Looks again every ten seconds and shows what is new, without taking the place in the
// page away from who reads or hears it. Without scripts the links do the same.
const look = async () => {
	const answer = await fetch('/', { cache: 'no-store' }).catch(() => null);
	if (!answer || !answer.ok) return;
	const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
	const was = document.querySelector('main'), now = fresh.querySelector('main');
	if (!now || was.innerHTML === now.innerHTML) return;
	document.title = fresh.title;
	was.innerHTML = now.innerHTML;
};
const to = document.querySelector('main a.away');
if (to) setTimeout(() => location.replace(to.href), 2000);
else if (document.querySelector('main').dataset.again) setInterval(look, 10000);
