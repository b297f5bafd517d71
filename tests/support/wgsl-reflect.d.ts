// The package's types are those of its main entry; its Node entry is CommonJS in an ES module package and cannot be imported, so tests use the other file.
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
