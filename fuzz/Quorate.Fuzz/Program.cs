using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Quorate.Fuzz;

// quorate-fuzz TARGET|all [--seconds N] [--seed S]; with several targets each gets its share of the time.
if (!TryParseArguments(args, out var targets, out var seconds, out var seed))
{
    await Console.Error.WriteLineAsync(
        $"usage: quorate-fuzz TARGET|all [--seconds N] [--seed S]\ntargets: {string.Join(' ', FuzzTargets.All.Select(t => t.Name))}"
    );
    return 2;
}
var failed = false;
foreach (var target in targets)
{
    var watch = Stopwatch.StartNew();
    var limit = TimeSpan.FromSeconds((double)seconds / targets.Count);
    var finding = FuzzRunner.Run(target, seed, _ => watch.Elapsed < limit, out var inputs);
    Console.WriteLine($"{target.Name}: {inputs} inputs, seed {seed}, {(finding is null ? "ok" : "FAILED")}");
    if (finding is not null)
    {
        failed = true;
        var folder = Path.Combine("artifacts", "fuzz", target.Name);
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, Convert.ToHexStringLower(SHA256.HashData(finding.Input))[..16]);
        await File.WriteAllBytesAsync(file, finding.Input);
        await Console.Error.WriteLineAsync($"{target.Name}: the input is in {file}\n{finding.Fault}");
    }
}
return failed ? 1 : 0;

static bool TryParseArguments(string[] args, out IReadOnlyList<IFuzzTarget> targets, out int seconds, out int seed)
{
    targets = [];
    seconds = 10;
    seed = Environment.TickCount;
    if (args.Length % 2 == 0)
    {
        return false;
    }
    targets = args[0] == "all" ? FuzzTargets.All : [.. FuzzTargets.All.Where(target => target.Name == args[0])];
    for (var i = 1; i < args.Length; i += 2)
    {
        ref var value = ref seconds;
        if (args[i] == "--seed")
        {
            value = ref seed;
        }
        else if (args[i] != "--seconds")
        {
            return false;
        }
        if (!int.TryParse(args[i + 1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value))
        {
            return false;
        }
    }
    return targets.Count > 0 && seconds >= 0;
}
