// The scripts ask `heapglass --complete WORD...` and take its lines as text: nothing of them is evaluated,
// since they have commands of other processes in them.
#include <string>

#include "lib/base/choices.h"
#include "lib/report/completion.h"

namespace heapglass {
namespace {

// Descriptions are in what is listed only: what could be inserted is the bare word.
constexpr std::string_view kBash = R"script(# bash completion of heapglass
_heapglass() {
  local word description shown files= typed=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS=$'\t' read -r word description; do
    if [[ $word == :files ]]; then
      files=1
    elif [[ -n $word ]]; then
      shown=$word
      [[ ${COMP_TYPE-} != 63 || -z $description ]] || shown+="  ($description)"
      COMPREPLY+=("$shown")
    fi
  done < <(command heapglass --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [[ -n $files ]] || return 0
  [[ $typed != = ]] || typed=
  if ((${#COMPREPLY[@]} == 0)) && [[ -n $typed ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$typed")
  else
    for word in *.hg; do
      [[ -f $word && $word == "$typed"* ]] || continue
      printf -v word %q "$word"
      COMPREPLY+=("$word")
    done
  fi
}
complete -F _heapglass heapglass
)script";

constexpr std::string_view kZsh = R"script(#compdef heapglass
# zsh completion of heapglass
_heapglass() {
  local line files=
  local -a names shown
  for line in "${(@f)$(command heapglass --complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      files=1
    elif [[ -n $line ]]; then
      names+=("${line%%$'\t'*}")
      shown+=("${line/$'\t'/  -- }")
    fi
  done
  local found=1
  (($#names == 0)) || { compadd -l -d shown -- "${names[@]}" && found=0; }
  [[ -z $files ]] || { _files && found=0; }
  return found
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
  _heapglass "$@"
else
  compdef _heapglass heapglass
fi
)script";

constexpr std::string_view kFish = R"script(# fish completion of heapglass
function __heapglass_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command heapglass --complete $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            printf '%s\n' "$line"
        end
    end
end
complete -c heapglass -f -a '(__heapglass_complete)'
)script";

}  // namespace

std::string_view completion_script(std::string_view shell) {
  constexpr std::string_view kScripts[] = {kBash, kZsh, kFish};
  return kScripts[parse_choice("shell", shell, {"bash", "zsh", "fish"})];
}

std::string completion_help() {
  return R"help(Commands, options and their words, ids of Python processes and snapshots at the press of Tab. The package for
Debian has this in its places; otherwise:

  bash  heapglass help completion bash >~/.local/share/bash-completion/completions/heapglass
  zsh   heapglass help completion zsh >~/.zfunc/_heapglass, with fpath+=(~/.zfunc) before compinit in ~/.zshrc
  fish  heapglass help completion fish >~/.config/fish/completions/heapglass.fish

The scripts ask the heapglass on PATH what can follow; they stay as they are when heapglass is replaced.
)help";
}

}  // namespace heapglass
