/* dom: elements, made of text alone: nothing here or elsewhere turns a string into HTML, and the page's policy forbids it. */

export const by_id = (id) => document.getElementById(id);

/* element("td", { class: "number" }, "12", other): attributes as HTML names them; null leaves one out, "" sets it bare. */
export function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes))
        if (value !== null) made.setAttribute(attribute, value);
    made.append(...children.filter((child) => child !== null));
    return made;
}

/* Writes only what differs, so that what is selected stays selected and nothing is announced twice. */
export function set_text(target, text) {
    if (target.textContent !== text) target.textContent = text;
}

/*
 * Makes the children of parent one for each item, in order, and keeps those whose key was there before: so focus and
 * selection survive a refresh. make(item) makes a child, fill(child, item) writes what changes.
 */
export function sync_children(parent, items, { key, make, fill }) {
    const names = items.map((item) => String(key(item)));
    for (const child of [...parent.children]) if (!names.includes(child.dataset.key)) child.remove();

    const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
    let place = parent.firstElementChild;
    items.forEach((item, number) => {
        const child = kept.get(names[number]) || make(item);
        child.dataset.key = names[number];
        if (child === place) place = place.nextElementSibling;
        else parent.insertBefore(child, place);
        fill(child, item);
    });
}

/* What the page remembers from one visit to the next; a browser that keeps nothing gives the default. */
export const memory = {
    get(name, otherwise) {
        try {
            return localStorage.getItem(`posthorn.${name}`) ?? otherwise;
        } catch {
            return otherwise;
        }
    },
    set(name, value) {
        try {
            localStorage.setItem(`posthorn.${name}`, value);
        } catch {
            /* then not */
        }
    },
};
