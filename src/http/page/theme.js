"use strict";
/*
 * The theme that was chosen, before anything is drawn: hence no module, which would come too late. The toggle is in
 * app.js. Without a choice the style sheet follows the system.
 */
try {
    const theme = localStorage.getItem("posthorn.theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
    /* a browser that keeps nothing: the system's theme */
}
