// Plain old JavaScript on purpose: says what to do in a browser too old to run the app, where nothing else would appear.
;(function () {
  function explain() {
    if (window.customElements && customElements.get('centram-app')) return
    var box = document.createElement('p')
    box.setAttribute('role', 'alert')
    box.style.cssText = 'max-width:36em;margin:15vh auto 0;padding:0 24px'
    box.textContent = /^de/.test(navigator.language)
      ? 'Dieser Browser ist zu alt für Centram. Es braucht Chrome oder Edge 123, Firefox 129, Safari 18 oder neuer: ' +
        'Aktualisiere ihn oder öffne diese Adresse in einem anderen.'
      : 'This browser is too old for Centram. It needs Chrome or Edge 123, Firefox 129, Safari 18, or newer: update it, or ' +
        'open this address in another one.'
    document.body.appendChild(box)
  }
  window.addEventListener('load', function () {
    setTimeout(explain, 3000)
  })
})()
