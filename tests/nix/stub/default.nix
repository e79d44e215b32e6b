# `import nixpkgs { … }` with the names that flake.nix may use, and with nixpkgs' rule for unfree parts. Where a host.nix lies
# beside this file (the tests write one), packages hold links to the host's programs, so that a shell can really be opened.
{
  system,
  config ? { },
}:
let
  host = if builtins.pathExists ./host.nix then import ./host.nix else null;
  allowed = config.allowUnfreePredicate or (_: false);

  # A derivation that links the host's programs into bin, and writes a setup where it is a stdenv.
  make =
    pname: attributes: programs:
    derivation (
      {
        name = "${pname}-0";
        inherit pname system;
        builder = if host == null then "/bin/sh" else host.bash;
        PATH = if host == null then "" else host.path;
        args = [
          "-c"
          ''
            for output in $outputs; do mkdir -p "''${!output}/bin"; done
            for program in ${toString programs}; do ln -s "$(command -v "''${program#*=}")" "$out/bin/''${program%=*}"; done
            if [ -n "$setup" ]; then echo "$setup" > "$out/setup"; fi
            exit 0
          ''
        ];
        outputs = [ "out" ];
      }
      // attributes
    )
    // {
      inherit pname;
      outputs = attributes.outputs or [ "out" ];
    };

  free = pname: make pname { };
  unfree =
    pname: outputs: programs:
    let
      package = make pname { inherit outputs; } programs;
    in
    if config ? allowUnfree then
      throw "allowUnfree lets in any unfree part: allow each by its name"
    else if allowed package then
      package
    else
      throw "${pname} is unfree and not allowed by its name";

  stdenv =
    pname:
    make pname {
      # As nixpkgs' setup: every package's bin on the PATH, and its Python in PYTHONPATH.
      setup = ''
        export PATH=${if host == null then "" else host.path}
        for package in $packages; do PATH="$package/bin:$PATH"; done
        export PYTHONPATH=/python-of-the-shell
      '';
    } [ ]
    // {
      cc = make "gcc-wrapper" { } [ ] // { cc = make "gcc" { outputs = [ "out" "lib" ]; } [ ]; };
    };

  shellWith =
    { stdenv }:
    attributes:
    derivation (
      {
        name = "nix-shell";
        inherit system stdenv;
        builder = if host == null then "/bin/sh" else host.bash;
        args = [ "-c" "exit 0" ];
        outputs = [ "out" ];
      }
      // attributes
    );
in
assert builtins.elem system [ "x86_64-linux" "aarch64-linux" ];
{
  stdenv = stdenv "stdenv-linux";
  mkShell = {
    override = shellWith;
    __functor = _: shellWith { stdenv = stdenv "stdenv-linux"; };
  };
  symlinkJoin = { name, paths }: make name { inherit paths; } [ ];
  uv = free "uv" [ "uv=${if host == null then "uv" else host.uv}" ];
  python311 = free "python3" [ "python3.11=${if host == null then "python3.11" else host.python}" ];
  git = free "git" [ "git" ];
  cmake = free "cmake" [ ];
  ninja = free "ninja" [ ];
  zlib = make "zlib" { outputs = [ "out" "dev" "static" ]; } [ ];

  cudaPackages = throw "cudaPackages is CUDA 12.9 in this nixpkgs, and torch's wheels are built for 13: use cudaPackages_13";
  cudaPackages_13 = {
    backendStdenv = stdenv "cuda-backend-stdenv";
    cuda_nvcc = unfree "cuda_nvcc" [ "out" "bin" "dev" "include" "static" ] [ ];
    cuda_crt = unfree "cuda_crt" [ "out" "include" ] [ ];
    cuda_cudart = unfree "cuda_cudart" [ "out" "dev" "include" "lib" "static" "stubs" ] [ ];
    cuda_cccl = unfree "cuda_cccl" [ "out" "dev" "include" ] [ ];
    libnvvm = unfree "libnvvm" [ "out" "bin" "include" "lib" ] [ ];
    libcublas = unfree "libcublas" [ "out" "dev" "include" "lib" "static" "stubs" ] [ ];
  };
}
