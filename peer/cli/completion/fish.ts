import type { Completes } from "../command.ts";
import { type CompletedOption, type CompletionModel, isTold, quoted } from "./model.ts";

/** The completion script for fish 3. */
export function fishScript(model: CompletionModel): string {
  const lines = [
    ...model.globals.map((option) => optionLine("", option)),
    ...model.commands.flatMap(({ name, summary, options, positionals }) => [
      `complete -c p2pchat -n '__p2pchat_at ""' -a ${name} -d ${quoted(summary)}`,
      ...options.map((option) => optionLine(` -n '__p2pchat_in ${name}'`, option)),
      ...positionals.flatMap((completes, place) =>
        completes === undefined
          ? []
          : [`complete -c p2pchat -n '__p2pchat_at ${name} ${place}'${offer(completes, { isDemanded: false })}`],
      ),
    ]),
  ];
  return `# p2pchat completion for fish: p2pchat completion fish > ~/.config/fish/completions/p2pchat.fish

# The command and how many words stand behind it, options and their values left out.
function __p2pchat_words
    set -l words
    set -l option ''
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test -n "$option"
            set option ''
        else if test "$word" = --
            set words --
            break
        else if contains -- $word ${model.valued.join(" ")}
            set option $word
        else if not string match -q -- '-*' $word
            set -a words $word
        end
    end
    test (count $words) -eq 0; or printf '%s\\n' $words
end

function __p2pchat_in
    set -l words (__p2pchat_words)
    test "$words[1]" = "$argv[1]"
end

function __p2pchat_at
    set -l words (__p2pchat_words)
    if test -z "$argv[1]"
        test (count $words) -eq 0
    else
        test "$words[1]" = "$argv[1]" -a (count $words) -eq (math $argv[2] + 1)
    end
end

function __p2pchat_told
    set -l profile
    set -l tokens (commandline -opc)
    for index in (seq 2 (math (count $tokens) - 1))
        if contains -- $tokens[$index] --profile --home
            set -a profile $tokens[$index] $tokens[(math $index + 1)]
        end
    end
    p2pchat $profile completion $argv[1] 2>/dev/null
end

complete -c p2pchat -f
${lines.join("\n")}
`;
}

function optionLine(condition: string, { flag, describe, hasValue, completes }: CompletedOption): string {
  const value = completes === undefined ? (hasValue ? " -x" : "") : offer(completes, { isDemanded: hasValue });
  return `complete -c p2pchat${condition} -l ${flag.slice(2)}${value} -d ${quoted(describe)}`;
}

/** `-x`: a value and no file names; `-r`: a value; `-F`: file names after all. */
function offer(completes: Completes, { isDemanded }: { isDemanded: boolean }): string {
  const demand = isDemanded ? " -x" : "";
  if (isTold(completes)) return `${demand} -a '(__p2pchat_told ${completes})'`;
  if (completes === "file") return " -r -F";
  if (completes === "directory") return " -x -a '(__fish_complete_directories)'";
  return `${demand} -a ${quoted(completes.join(" "))}`;
}
