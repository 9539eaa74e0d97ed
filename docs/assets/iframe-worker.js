// A page opened as a file gets no Worker from its browser, and the search of this site is one. It then runs in a frame
// instead, which inherits the page's origin; nothing is asked of any network.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.ready = new Promise((resolve) => {
        this.frame.addEventListener("load", () => this.start(new URL(url, location.href).href, resolve), { once: true });
      });
      document.body.append(this.frame);
    }

    start(url, resolve) {
      const inner = this.frame.contentWindow;
      inner.postMessage = (data) => this.receive(data);
      const script = inner.document.createElement("script");
      script.src = url;
      script.addEventListener("load", resolve);
      inner.document.body.append(script);
    }

    receive(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }

    postMessage(data) {
      const inner = this.frame.contentWindow;
      this.ready.then(() => inner.dispatchEvent(new inner.MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
