# The hook of both shells (flake.nix): the host's driver first, then the packages that uv.lock names.

unset PYTHONPATH # nixpkgs' Python sets it, and it would go before .venv
_aj_root=$(git rev-parse --show-toplevel 2> /dev/null || pwd)

# libcuda belongs to the kernel's driver, so it is the host's. Only the driver's own files, in a folder of their own: a whole
# system folder would bring another libc along.
_aj_driver() {
  local folder file arch
  arch=$(uname -m)
  mkdir -p "$_aj_root/.aj/driver"
  find "$_aj_root/.aj/driver" -type l -delete
  for folder in $AJ_DRIVER /run/opengl-driver/lib /usr/lib/wsl/lib /usr/local/nvidia/lib64 "/usr/lib/$arch-linux-gnu" /usr/lib64 /usr/lib; do
    [ -e "$folder/libcuda.so.1" ] || continue
    for file in "$folder"/{libcuda,libcudadebugger,libnvidia-ml,libnvidia-ptxjitcompiler,libnvidia-nvvm,libnvidia-gpucomp}*.so*; do
      [ -e "$file" ] && ln -s "$file" "$_aj_root/.aj/driver/"
    done
    echo "aj: the NVIDIA driver's libraries are those of $folder"
    return
  done
  [ -z "$CUDA_HOME" ] || echo "aj: no libcuda.so.1 on this host, so no GPU in this shell; AJ_DRIVER=FOLDER names another place" >&2
}
_aj_driver
export LD_LIBRARY_PATH="$_aj_root/.aj/driver:$AJ_LIBRARIES"
[ -z "$CUDA_HOME" ] || export TRITON_LIBCUDA_PATH="$_aj_root/.aj/driver"

_aj_sync() {
  local define settings=()
  for define in $AJ_LLAMA_DEFINES; do
    settings+=(--config-settings-package "llama-cpp-python:cmake.define.$define")
  done
  uv sync --locked "${settings[@]}"
}
if _aj_sync; then
  export PATH="$_aj_root/.venv/bin:$PATH"
  export UV_NO_SYNC=1 # `uv run` would sync again, without these settings, and put the plain build back
else
  echo "aj: uv sync --locked failed, so .venv is not what uv.lock says; mend it (uv lock) and open the shell again" >&2
  case $- in *i*) ;; *) exit 1 ;; esac # a person stays inside and mends; a command must not run on
fi
unset -f _aj_driver _aj_sync
unset _aj_root
