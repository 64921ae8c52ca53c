declare module 'simple-peer/simplepeer.min.js' {
  const bundle: unknown
  export default bundle
}
