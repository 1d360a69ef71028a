using System.Globalization;
using System.Text;

namespace Quorate.Nix.Verification;

/// <summary>
/// The verified graph as SVG: the target on top, every derivation below all that use it, fixed outputs dashed, what rests on a cache's legacy signature orange. Plain shapes and titles, no scripts; all text is escaped.
/// </summary>
public static class DagDrawing
{
    /// <summary>Beyond this many derivations nobody can read it.</summary>
    public const int MaxNodes = 5000;

    const int Width = 190;
    const int Height = 40;
    const int ColumnGap = 14;
    const int RowGap = 46;
    const int Margin = 20;
    const int MaxColumns = 24;

    /// <exception cref="ArgumentException">Too many derivations.</exception>
    public static string Svg(TraceVerification result)
    {
        var nodes = result.Positions.Concat(result.Fixed).ToList();
        if (nodes.Count > MaxNodes)
        {
            throw new ArgumentException(
                $"a drawing of {nodes.Count} derivations would be of no use; {MaxNodes} are the most",
                nameof(result)
            );
        }
        var places = Place(nodes, out var columns, out var rows);
        var width = (2 * Margin) + (Math.Max(1, columns) * (Width + ColumnGap));
        var height = (2 * Margin) + (Math.Max(1, rows) * (Height + RowGap));
        var svg = new StringBuilder(
            string.Create(
                CultureInfo.InvariantCulture,
                $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n"
            )
        );
        foreach (var node in nodes)
        {
            var from = places[node.Derivation];
            foreach (var input in node.Inputs)
            {
                if (places.TryGetValue(input, out var to))
                {
                    svg.Append(
                        CultureInfo.InvariantCulture,
                        $"<line x1=\"{from.X + (Width / 2)}\" y1=\"{from.Y + Height}\" x2=\"{to.X + (Width / 2)}\" y2=\"{to.Y}\" stroke=\"#bbb\"/>\n"
                    );
                }
            }
        }
        foreach (var node in nodes)
        {
            Box(svg, node, places[node.Derivation]);
        }
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>A page with the drawing and the verdict.</summary>
    public static string Html(TraceVerification result) =>
        $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>{Escape(result.Target.BaseName)}</title></head>
            <body style="font-family: sans-serif">
            <h1>{VerificationJson.Word(result.Verdict)}: {Escape(result.Target.BaseName)}</h1>
            <p>{string.Join("<br>", result.Reasons.Select(Escape))}</p>
            {Svg(result)}</body></html>

            """;

    static void Box(StringBuilder svg, VerifiedPosition node, (int X, int Y) at)
    {
        var name = node.Derivation.Name[..^Derivations.DerivationPaths.Extension.Length];
        var isFixed = node.IsFixed;
        var by = isFixed ? "fixed" : (node.RestsOnLegacy ? "legacy: " : "") + string.Join(", ", node.Signers);
        var (fill, stroke) =
            isFixed ? ("#f4f4f4", "#999")
            : node.RestsOnLegacy ? ("#fff3e0", "#e65100")
            : ("#e6f4ea", "#2e7d32");
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<g><title>{Escape($"{node.Derivation}\n{node.Outputs}\n{by}")}</title><rect x=\"{at.X}\" y=\"{at.Y}\" width=\"{Width}\" height=\"{Height}\" rx=\"4\" fill=\"{fill}\" stroke=\"{stroke}\"{(isFixed ? " stroke-dasharray=\"4 3\"" : "")}/>"
        );
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<text x=\"{at.X + 6}\" y=\"{at.Y + 16}\">{Escape(Short(name))}</text><text x=\"{at.X + 6}\" y=\"{at.Y + 32}\" fill=\"#555\">{Escape(Short(by))}</text></g>\n"
        );
    }

    /// <summary>The row of a derivation is one below the lowest that uses it; long rows are broken.</summary>
    static Dictionary<StorePath, (int X, int Y)> Place(IReadOnlyList<VerifiedPosition> nodes, out int columns, out int rows)
    {
        // Consumers come before their inputs in the list, so one pass settles every level.
        var level = nodes.ToDictionary(node => node.Derivation, _ => 0);
        foreach (var node in nodes)
        {
            foreach (var input in node.Inputs)
            {
                if (level.TryGetValue(input, out var known))
                {
                    level[input] = Math.Max(known, level[node.Derivation] + 1);
                }
            }
        }
        var places = new Dictionary<StorePath, (int X, int Y)>();
        (columns, rows) = (0, 0);
        foreach (var row in nodes.GroupBy(node => level[node.Derivation]).OrderBy(group => group.Key))
        {
            foreach (var line in row.Chunk(MaxColumns))
            {
                for (var i = 0; i < line.Length; i++)
                {
                    places[line[i].Derivation] = (Margin + (i * (Width + ColumnGap)), Margin + (rows * (Height + RowGap)));
                }
                columns = Math.Max(columns, line.Length);
                rows++;
            }
        }
        return places;
    }

    static string Short(string text) => text.Length > 30 ? text[..29] + "…" : text;

    static string Escape(string text) => System.Security.SecurityElement.Escape(text)!;
}
