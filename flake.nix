# What uv.lock cannot pin: uv, Python, compilers, CMake, nvcc and cuBLAS. Every Python package stays in uv.lock, the same that
# the tests use; the shells' hook (nix/hook.sh) puts them into .venv. docs/environment.md says what is checked and what is not.
{
  description = "AJ: two development shells, with CUDA (`nix develop`) and without (`nix develop .#cpu`)";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;

      # By name: `allowUnfree = true` would let in whatever a later edit pulls along.
      unfree = [
        "cuda_cccl"
        "cuda_crt"
        "cuda_cudart"
        "cuda_nvcc"
        "libcublas"
        "libnvvm"
      ];

      shellsOf =
        system:
        let
          pkgs = import nixpkgs {
            inherit system;
            config.allowUnfreePredicate = package: builtins.elem (lib.getName package) unfree;
          };
          cuda = pkgs.cudaPackages_13; # torch's wheels are built for CUDA 13; `cudaPackages` is 12.9

          # nixpkgs' CUDA hooks do nothing in a shell: one folder with every output of every part, as NVIDIA's installer makes it.
          cudaHome = pkgs.symlinkJoin {
            name = "cuda-home";
            paths = lib.concatMap (part: map (output: part.${output}) part.outputs) (map (name: cuda.${name}) unfree);
          };

          # The keys of uv's cache of built wheels: what is in the environment (CMAKE_ARGS) is not, and a wheel that was built on the
          # CPU, or by the host's compiler, would be handed out without a word. Paths in the store make a new toolkit a new key.
          common = [
            "GGML_NATIVE=OFF"
            "CMAKE_CXX_COMPILER=${pkgs.stdenv.cc}/bin/c++"
          ];
          withCuda = [
            "GGML_NATIVE=OFF"
            "GGML_CUDA=ON"
            "GGML_CUDA_NO_VMM=ON" # else ggml links the toolkit's stub of libcuda, and may fall back to the CPU in silence
            "CMAKE_CUDA_ARCHITECTURES=80;86;89;90;100;120"
            "CMAKE_INSTALL_RPATH=${cudaHome}/lib" # cuBLAS, found by ggml and by nothing else
          ];

          shell =
            stdenv: defines: environment:
            pkgs.mkShell.override { inherit stdenv; } (
              {
                packages = [
                  pkgs.uv
                  pkgs.python311
                  pkgs.git
                  pkgs.cmake
                  pkgs.ninja
                ];
                UV_PYTHON = "${pkgs.python311}/bin/python3.11";
                UV_PYTHON_DOWNLOADS = "never";
                PYTHONHASHSEED = "0";
                CUBLAS_WORKSPACE_CONFIG = ":4096:8";
                AJ_LLAMA_DEFINES = lib.concatStringsSep " " defines;
                # The wheels' few wishes of a system. Not cuBLAS: it would replace the one inside torch.
                AJ_LIBRARIES = lib.makeLibraryPath [
                  pkgs.stdenv.cc.cc
                  pkgs.zlib
                ];
                shellHook = builtins.readFile ./nix/hook.sh;
              }
              // environment
            );
        in
        {
          # There is no CPU-only torch for Linux on PyPI: the same wheels in both.
          cpu = shell pkgs.stdenv common { };
          default = shell cuda.backendStdenv withCuda {
            CUDA_HOME = "${cudaHome}";
            CUDAToolkit_ROOT = "${cudaHome}";
            CUDAHOSTCXX = "${cuda.backendStdenv.cc}/bin/c++";
            NVCC_APPEND_FLAGS = "-I${cudaHome}/include -L${cudaHome}/lib";
            TRITON_PTXAS_PATH = "${cudaHome}/bin/ptxas";
            TRITON_PTXAS_BLACKWELL_PATH = "${cudaHome}/bin/ptxas";
          };
        };
    in
    {
      devShells = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] shellsOf;
    };
}
