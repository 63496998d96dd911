/** Where the bundle starts. The order matters: main.ts finds the environment as the user left it. */
import "./restore_environment.ts";
import "../main.ts";
