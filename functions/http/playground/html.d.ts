/** The bundler makes an HTML file the text that it is. */
declare module '*.html' {
  const text: string;
  export default text;
}
