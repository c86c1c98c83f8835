import type { Render } from "@anywidget/types";

/** A placeholder until the views exist: the entry that the bundle is made from. */
const render: Render = ({ el }) => {
  el.classList.add("attn-widget");
};

export default { render };
