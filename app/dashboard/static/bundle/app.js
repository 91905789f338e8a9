import{A as se,D as f,E as Te,F as _,G as y,H as _e,I as ie,J as Y,K as R,a as b,b as d,c as Ae,d as Oe,e as Re,f as Ie,g as Me,h as P,i as Be,j as p,k as O,l as K,m as Le,n as Ne,o as k,p as De,q as h,r as U,s as C,t as E,u as S,v,w as Ue,x as $,y as T,z as Q}from"./chunk-4XV2A2YS.js";import{A as B,B as L,C as A,D as ze,E as c,a as w,b as re,c as M,e as j,h as m,i as o,j as ke,k as Se,l as xe,m as z,n as F,p as Fe,q as Pe,r as ae,s as Ce,t as Ee,u as oe,v as D,w as t,x as je,y as Z,z as ne}from"./chunk-VZEDRTUT.js";var ct=[["/dashboard","nav-projects"],["/dashboard/zakat","nav-zakat"],["/dashboard/murabaha","nav-murabaha"]],ut={user:[["/dashboard/account","nav-account"]],officer:[["/dashboard/account","nav-account"],["/dashboard/staff","nav-staff"]],admin:[["/dashboard/account","nav-account"],["/dashboard/staff","nav-staff"],["/dashboard/admin","nav-admin"]]},I=({to:e,isGroup:r,children:a})=>{let n=B.value===e||r&&B.value.startsWith(`${e}/`);return o`<a href=${e} aria-current=${n?"page":void 0}>${a}</a>`};function le({links:e,children:r}){return o`
    <a class="skip" href="#content">${t("skip")}</a>
    <header>
      <a class="brand" href="/dashboard">
        ${d.value.logoUrl&&o`<img src="/api/logo" alt="" height="36" />`}
        <strong>${d.value.name}</strong>
      </a>
      <nav aria-label=${t("nav")}>
        ${ct.map(([a,n])=>o`<${I} to=${a}>${t(n)}</${I}>`)}
        ${(ut[b.value?.role]||[]).map(([a,n])=>o`<${I} to=${a} isGroup>${t(n)}</${I}>`)}
      </nav>
      <${$t} />
    </header>
    <main id="content">
      ${d.value.testMode&&o`<p class="banner">${t("test-mode")}</p>`}
      ${!ke.value&&o`<p class="banner warning" role="alert">${t("offline")}</p>`}
      ${e?.length>1&&o`<nav class="sub" aria-label=${t("nav-group")}>${e.map(([a,n])=>o`<${I} to=${a}>${t(n)}</${I}>`)}</nav>`}
      ${r}
    </main>
    <footer><${dt} />
      <p><a href="/api/docs">${t("for-developers")}</a></p>
      <p>${t("no-fatwa")}</p>
    </footer>
    <${Be} />`}function $t(){let e=async()=>{try{await Me(),P(t("signed-out")),A("/dashboard")}catch(r){P(De(r))}};return b.value?o`<div class="account">
    <bdi>${b.value.name}</bdi>
    <button type="button" class="plain" onClick=${e}>${t("sign-out")}</button>
  </div>`:o`<div class="account"><${I} to="/dashboard/sign-in">${t("sign-in")}</${I}></div>`}function dt(){let e=m(Pe("scheme")||""),r=async s=>{ae("language",s.target.value),await Z(s.target.value)},a=s=>{e.value=s.target.value,ae("scheme",e.value),e.value?document.documentElement.dataset.theme=e.value:delete document.documentElement.dataset.theme},n=d.value.languages.filter(s=>s in oe);return o`<div class="preferences">
    <label>${t("language")}
      <select name="language" onChange=${r}>
        ${n.map(s=>o`<option value=${s} lang=${s} selected=${s===D.value}>${oe[s]}</option>`)}
      </select>
    </label>
    <label>${t("scheme")}
      <select name="scheme" onChange=${a}>
        ${["","light","dark"].map(s=>o`<option value=${s} selected=${s===e.value}>${t(`scheme-${s||"system"}`)}</option>`)}
      </select>
    </label>
  </div>`}var ve={};w(ve,{pages:()=>Vt});var me={};w(me,{default:()=>Ge,title:()=>pt});function g({title:e,intro:r,form:a,action:n,children:s,links:i}){return o`<div class="narrow">
    <${c} intro=${r}>${e}</${c}>
    <form onSubmit=${a.submit} novalidate>
      <${U} error=${a.error} />
      ${s}
      <${C} isSending=${a.isSending}>${n}</${C}>
    </form>
    ${i}
  </div>`}var G=e=>o`<${p} type="email" name="email" label=${t("email")} autocomplete="username" dir="ltr" ...${e} />`,H=e=>o`<${p} type="password" name="password" label=${t("password")} autocomplete="current-password" dir="ltr" ...${e} />`;function J(){let e=new URLSearchParams(location.hash.slice(1)).get("token")||"";return e&&history.replaceState(null,"",location.pathname),e}var pt="confirm-email";function Ge(){let e=j(J,[]),r=m(null),a=h(async()=>{r.value=(await F("/auth/email/confirm",{token:e})).email});return r.value?o`<div class="narrow" role="status"><${c} intro=${t("confirm-done-intro",{email:r.value})}>${t("confirm-done")}</${c}><p><a href="/dashboard/sign-in">${t("sign-in")}</a></p></div>`:o`<${g} title=${t("confirm-email")} intro=${t("confirm-intro")} form=${a} action=${t("confirm-email")} />`}var ce={};w(ce,{default:()=>He,title:()=>ft});var ft="forgot-password";function He(){let e=m(""),r=m(!1),a=h(async()=>{await xe("POST","/auth/password/forgot",{body:{email:e.value}}),r.value=!0});if(r.value)return o`<div class="narrow" role="status"><${c} intro=${t("forgot-sent-intro")}>${t("forgot-sent")}</${c}></div>`;let n=o`<p><a href="/dashboard/sign-in">${t("have-account")}</a></p>`;return o`<${g} title=${t("forgot-password")} intro=${t("forgot-intro")} form=${a} action=${t("forgot-send")} links=${n}>
    <${G} value=${e.value} onInput=${s=>e.value=s.target.value} errors=${a.errors} />
  </${g}>`}var ue={};w(ue,{default:()=>qe,title:()=>ht});var ht="murabaha";function gt(e){let r=Number(k(e));return e.trim()===""||Number.isNaN(r)?e:String(Number((r/100).toFixed(8)))}function qe(){let e=m({cost:"",profitRate:"15",termMonths:"12",downPayment:"",currency:d.value.defaultCurrency}),r=m(null),{cost:a,profitRate:n,termMonths:s,downPayment:i,currency:l}=e.value,u=x=>e.value={...e.value,[x.target.name]:x.target.value},{submit:N,error:lt,errors:we,isSending:mt}=h(async()=>{let x={cost:k(a),profitRate:gt(n),termMonths:Number(s),currency:l};i&&(x.downPayment=k(i)),r.value=await F("/murabaha/quotes",x)}),W=x=>({name:x,label:t(`murabaha-${x}`),value:e.value[x],onInput:u,errors:we});return o`<${c} intro=${t("murabaha-intro")}>${t("murabaha")}</${c}>
    <div class="columns">
      <form onSubmit=${N} novalidate>
        <${U} error=${lt} />
        <${Y} value=${l} onChange=${u} errors=${we} />
        <${O} currency=${l} ...${W("cost")} />
        <${O} currency=${l} hint=${t("optional")} ...${W("downPayment")} />
        <${p} inputmode="decimal" dir="ltr" prefix="%" hint=${t("profit-hint")} ...${W("profitRate")} />
        <${p} type="number" min="6" max="60" ...${W("termMonths")} hint=${t("term-hint")} />
        <${C} isSending=${mt}>${t("murabaha-show")}</${C}>
      </form>
      <section aria-live="polite">${r.value?o`<${bt} quote=${r.value} />`:o`<${v} title=${t("no-quote")}>${t("no-quote-hint")}</${v}>`}</section>
    </div>`}function bt({quote:e}){let r=l=>f(l,e.currency),a=(l,u)=>({name:t(`murabaha-${l}`),value:u,text:r(u)}),n=[a("cost",e.cost),a("profit",e.profit)],s=[a("paid",e.downPayment),a("left",e.financed)],i=l=>l.map(({name:u,text:N})=>`${u} ${N}`).join(", ");return o`<${$} title=${t("murabaha-offer")}>
    <${T} items=${[[t("murabaha-price"),r(e.sellingPrice)],[t("murabaha-rate"),_(e.profitRate,2)]]} />
    <${Q} label=${i(n)} parts=${n} />
    <${Q} label=${i(s)} parts=${s} first=${3} />
    <p>${t("murabaha-fixed")}</p>
    <h3>${t("schedule")}</h3>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("schedule")}><table>
      <thead><tr><th scope="col">${t("number")}</th><th scope="col">${t("due-date")}</th><th scope="col" class="number">${t("amount")}</th></tr></thead>
      <tbody>${e.installments.map(l=>o`<tr><td>${l.number}</td><td>${y(l.dueDate)}</td><td class="number">${r(l.amount)}</td></tr>`)}</tbody>
    </table></div>
  </${$}>`}var $e={};w($e,{default:()=>Qe,title:()=>vt});var Ze=["education","healthcare","mosque","water","orphanage","general"],X=({project:e})=>o`<${Ue} label=${t("progress-of",{name:e.name})} value=${e.progress}
    text=${o`<span>${t("raised-of",{raised:f(e.raised,e.currency),goal:f(e.fundingGoal,e.currency),percent:_(e.progress)})}</span>
      <span>${t("donors",{count:e.donorCount})}</span>`} />`,Ke=({gift:e})=>o`<li>
    <strong>${f(e.amount,e.currency)}</strong>
    <bdi>${e.donorName||t("anonymous")}</bdi>
    <time datetime=${e.createdAt}>${y(e.createdAt)}</time>
  </li>`;var vt="project";function Qe({id:e}){let r=R(l=>z(`/waqf/projects/${encodeURIComponent(e)}`,{},{signal:l}),[e]);if(r.error)return o`<${c}>${t("project")}</${c}><${S} error=${r.error} onRetry=${r.reload} />`;if(!r.value)return o`<${E} lines=${8} />`;let{name:a,description:n,category:s,active:i}=r.value;return o`<p><a href="/dashboard">${t("to-projects")}</a></p>
    <p class="tag">${t(`category-${s}`)}${!i&&` \xB7 ${t("closed")}`}</p>
    <${c} intro=${o`<span dir="auto">${n}</span>`}><bdi>${a}</bdi></${c}>
    <${X} project=${r.value} />
    <${yt} id=${e} />`}function yt({id:e}){let r=m({from:"",to:""}),a=m(10),n={...r.value,limit:a.value},s=R(l=>z(`/waqf/projects/${encodeURIComponent(e)}/ledger`,n,{signal:l}),[r.value,a.value]),i=l=>r.value={...r.value,[l.target.name]:l.target.value};return o`<${$} title=${t("ledger")}>
    <p>${t("ledger-intro")}</p>
    <div class="filters">
      ${["from","to"].map(l=>o`<${p} type="date" name=${l} label=${t(l)} value=${r.value[l]} onChange=${i} errors=${s.error?.fields} />`)}
    </div>
    ${s.error&&o`<${S} error=${s.error} onRetry=${s.reload} />`}
    ${!s.value&&!s.error&&o`<${E} lines=${8} />`}
    ${s.value&&o`<${wt} ledger=${s.value} /><${kt} ledger=${s.value} />`}
    ${s.value?.entries.pagination.next&&a.value<100&&o`<button type="button" class="secondary" onClick=${()=>a.value=Math.min(a.value*2,100)}>${t("more")}</button>`}
  </${$}>`}function wt({ledger:e}){let r=s=>f(s,e.currency),n=[["refunded",e.refunded],["spent",e.disbursed],["balance",e.balance]].map(([s,i])=>({name:t(s),value:Math.max(i,0),text:r(i)}));return o`<${T} items=${[[t("received"),r(e.received)]]} />
    <${Q} label=${n.map(s=>`${s.name} ${s.text}`).join(", ")} parts=${n} />`}function kt({ledger:e}){let{data:r}=e.entries;return r.length?o`<div class="scroll" tabindex="0" role="region" aria-label=${t("entries")}><table>
    <thead><tr><th scope="col">${t("date")}</th><th scope="col">${t("entry")}</th><th scope="col" class="number">${t("amount")}</th></tr></thead>
    <tbody>${r.map(a=>o`<tr>
      <td>${y(a.date)}</td>
      <td>${t(`entry-${a.kind}`)} · <bdi>${a.recipient||a.donorName||t("anonymous")}</bdi>${a.purpose&&o`<br /><small dir="auto">${a.purpose}</small>`}</td>
      <td class="number">${f(a.amount,e.currency)}</td>
    </tr>`)}</tbody>
  </table></div>`:o`<${v} title=${t("no-entries")}>${t("no-entries-hint")}</${v}>`}var de={};w(de,{default:()=>Ve,title:()=>St});var St="projects",xt=3;function Ve(){let e=m(""),r=m(12),a={category:e.value,limit:r.value},n=R(l=>z("/waqf/projects",a,{signal:l}),[e.value,r.value]),s=[["",t("all-categories")],...Ze.map(l=>[l,t(`category-${l}`)])],i=l=>e.value=l.target.value;return o`<${c} intro=${t("projects-intro")}>${t("projects")}</${c}>
    <div class="filters"><${K} name="category" label=${t("category")} options=${s} value=${e.value} onChange=${i} /></div>
    <${Ft} projects=${n} onMore=${()=>r.value=Math.min(r.value+12,100)} />`}function Ft({projects:{value:e,error:r,isLoading:a,reload:n},onMore:s}){return r?o`<${S} error=${r} onRetry=${n} />`:e?e.data.length?o`<div class="cards" aria-busy=${a?"true":void 0}>${e.data.map(i=>o`<${Pt} key=${i.id} project=${i} />`)}</div>
    ${e.pagination.next&&o`<p><button type="button" class="secondary" onClick=${s}>${t("more")}</button></p>`}`:o`<${v} title=${t("no-projects")}>${t("no-projects-hint")}</${v}>`:o`<div class="cards">${[1,2,3].map(()=>o`<article><${E} lines=${8} /></article>`)}</div>`}function Pt({project:e}){let r=`/dashboard/projects/${e.id}`,a=o`<a href=${r} aria-label=${`${t("open-ledger")}: ${e.name}`}>${t("open-ledger")}</a>`;return o`<${$} class="project" footer=${a}>
    <p class="tag">${t(`category-${e.category}`)}${!e.active&&` \xB7 ${t("closed")}`}</p>
    <h2><a href=${r}><bdi>${e.name}</bdi></a></h2>
    <p dir="auto">${e.description}</p>
    <${X} project=${e} />
    <${Ct} project=${e} />
  </${$}>`}function Ct({project:e}){let r=R(a=>z(`/waqf/projects/${e.id}/donations`,{limit:xt},{signal:a}),[e.id]);return r.error?null:o`<div class="gifts"><h3>${t("last-gifts")}</h3>
    ${!r.value&&o`<${E} lines=${1} />`}
    ${r.value?.data.length===0&&o`<p>${t("no-gifts")}</p>`}
    <ul>${r.value?.data.map(a=>o`<${Ke} gift=${a} />`)}</ul></div>`}var fe={};w(fe,{default:()=>Ye,title:()=>jt});var pe={};w(pe,{default:()=>We,nextPage:()=>ee,title:()=>Et});var Et="sign-in";function ee(){let e=new URLSearchParams(L.value).get("next")||"";return/^\/dashboard(\/|$)/.test(e)?e:"/dashboard"}function We(){let e=m({email:"",password:"",code:""}),r=m(!1),a=l=>e.value={...e.value,[l.target.name]:l.target.value},n=h(async()=>{let{code:l,...u}=e.value;try{await Re(r.value?{...u,code:l.trim()}:u)}catch(N){throw r.value||=N.code==="SECOND_FACTOR_REQUIRED",N}P(t("signed-in")),A(ee(),{replace:!0})}),s=l=>({value:e.value[l],onInput:a,errors:n.errors}),i=o`<p><a href="/dashboard/forgot-password">${t("forgot-password")}</a></p><p><a href=${`/dashboard/register${L.value}`}>${t("register")}</a></p>`;return o`<${g} title=${t("sign-in")} form=${n} action=${t("sign-in")} links=${i}>
    <${G} ...${s("email")} />
    <${H} ...${s("password")} />
    ${r.value&&o`<${p} name="code" label=${t("code")} hint=${t("code-hint")} inputmode="numeric" autocomplete="one-time-code" dir="ltr" ...${s("code")} />`}
  </${g}>`}var jt="register";function Ye(){let e=m({name:"",email:"",password:""}),r=i=>e.value={...e.value,[i.target.name]:i.target.value},a=h(async()=>{await Ie(e.value),P(t("registered")),A(ee(),{replace:!0})}),n=i=>({value:e.value[i],onInput:r,errors:a.errors}),s=o`<p><a href=${`/dashboard/sign-in${L.value}`}>${t("have-account")}</a></p>`;return o`<${g} title=${t("register")} form=${a} action=${t("register")} links=${s}>
    <${p} name="name" label=${t("name")} autocomplete="name" dir="auto" ...${n("name")} />
    <${G} ...${n("email")} />
    <${H} autocomplete="new-password" hint=${t("password-hint")} ...${n("password")} />
  </${g}>`}var he={};w(he,{default:()=>Je,title:()=>zt});var zt="reset-password";function Je(){let e=j(J,[]),r=m(""),a=m(!1),n=h(async()=>{await F("/auth/password/reset",{token:e,newPassword:r.value}),b.value=null,a.value=!0});if(a.value)return o`<div class="narrow" role="status"><${c} intro=${t("reset-done-intro")}>${t("reset-done")}</${c}><p><a href="/dashboard/sign-in">${t("sign-in")}</a></p></div>`;let s=o`<p><a href="/dashboard/forgot-password">${t("new-link")}</a></p>`;return o`<${g} title=${t("reset-password")} form=${n} action=${t("reset-password")} links=${s}>
    <${H} name="newPassword" label=${t("new-password")} autocomplete="new-password" hint=${t("password-hint")} value=${r.value} onInput=${i=>r.value=i.target.value} errors=${n.errors} />
  </${g}>`}var be={};w(be,{default:()=>ot,title:()=>Dt});var At=864e5;function Xe({calculation:e}){let{wealth:r,nisab:a,zakatAmount:n,currency:s}=e,i=l=>f(l,s);return o`<${$} title=${t("zakat-sum")}>
    <p class="total" role="status">${i(n)}</p>
    <p>${Ot(e)}</p>
    <${T} items=${[[t("zakat-wealth"),i(r)],...a===null?[]:[[t("nisab"),i(a)]]]} />
    ${a!==null&&o`<${se} label=${t("nisab-bar",{wealth:i(r),nisab:i(a)})} value=${r/(2*a||1)} mark=${.5} />`}
    ${e.hawlStartedOn&&o`<${Rt} calculation=${e} />`}
  </${$}>`}function Ot({eligible:e,wealth:r,nisab:a,hawlCompletesOn:n,zakatAmount:s,breakdown:i}){return n&&n>ie(d.value.timeZone)?t("hawl-running",{day:y(n)}):i?.some(l=>l.due.length)&&s===0?t("zakat-animals-due"):e?t("zakat-due"):a!==null&&r<a?t("below-nisab"):t("zakat-nothing-due")}function Rt({calculation:{hawlStartedOn:e,hawlCompletesOn:r}}){let[a,n,s]=[e,r,ie(d.value.timeZone)].map(u=>Date.parse(u)),i=(s-a)/(n-a),l=t("hawl-bar",{start:y(e),end:y(r),days:Math.max(0,Math.round((n-s)/At))});return o`<h3>${t("hawl")}</h3>
    <${se} label=${l} value=${i} mark=${i} />
    <div class="ends">${[e,r].map(u=>o`<span>${y(u)}<br /><small>${_e(u)}</small></span>`)}</div>
    <p><small>${l}</small></p>`}function et({calculation:{breakdown:e,currency:r}}){return o`<${$} title=${t("zakat-lines")}>
    <ul class="lines">${e.map(a=>o`<li>
      <div><strong>${t(`asset-${a.category}`)}${a.label&&o` · <bdi>${a.label}</bdi>`}</strong>
        <span>${t("counts",{amount:f(a.counted,r)})}</span>
        <span>${a.due.length?a.due.map(({animal:n,count:s})=>`${Te(s)} \xD7 ${t(`animal-${n}`)}`).join(", "):`${_(a.rate,3)} \u2192 ${f(a.zakat,r)}`}</span></div>
      <small><span dir="auto">${a.rule}</span><br />${t("source")}: <cite dir="auto">${a.source}</cite></small>
    </li>`)}</ul>
  </${$}>`}var te={money:["cash","bank","crypto"],metals:["gold","silver"],trade:["trade_goods","property_for_sale","receivable"],investments:["shares_trading","shares_long_term","retirement"],harvest:["crops","rikaz"],livestock:["camels","cattle","sheep"],other:["other"]},It=te.livestock,Mt={gold:{grams:"number",karat:"number",personalUse:"check"},silver:{grams:"number",fineness:"number",personalUse:"check"},receivable:{amount:"money",doubtful:"check"},crops:{amount:"money",kilograms:"number",watering:["rain","irrigated","mixed"]},camels:{count:"number"},cattle:{count:"number"},sheep:{count:"number"}},V=e=>Mt[e]||{amount:"money"},Bt=e=>Object.keys(V(e))[0];function ge(e){let r={currency:e.currency};if(e.mode==="known")return{body:{...r,wealth:k(e.wealth),nisab:k(e.nisab)},categories:[]};let a=Object.values(te).flat().filter(s=>e[`${s}.${Bt(s)}`]?.trim()),n={...r,nisabBasis:e.nisabBasis,yearBasis:e.yearBasis,school:e.school};return n.assets=a.map(s=>Lt(s,e)),e.liabilities?.trim()&&(n.liabilities=[{amount:k(e.liabilities)}]),e.hawlStartedOn&&(n.hawlStartedOn=e.hawlStartedOn),{body:n,categories:a}}function Lt(e,r){let a=It.includes(e)?{category:"livestock",species:e}:{category:e};for(let[n,s]of Object.entries(V(e))){let i=r[`${e}.${n}`];n==="doubtful"?a.collectible=!i:s==="check"?a[n]=!!i:Array.isArray(s)?a[n]=i||s[0]:i?.trim()&&(a[n]=n==="count"?Nt(i):k(i))}return a}function Nt(e){let r=k(e);return/^\d+$/.test(r)?Number(r):r}var tt=({body:e})=>e.assets?e.assets.length>0:!!(e.wealth&&e.nisab);function rt(e,r){let a=n=>n.replace(/^assets\.(\d+)\./,(s,i)=>`${r[i]}.`).replace(/^liabilities\.0\.amount$/,"liabilities");return Object.fromEntries(Object.entries(e).map(([n,s])=>[a(n),s]))}var Dt="zakat",Ut=400,at="zakat",Tt=()=>({mode:"itemised",currency:d.value.defaultCurrency,nisabBasis:d.value.nisabBasis,yearBasis:"lunar",school:"majority",wealth:"",nisab:"",...Ce(at)});function ot(){let e=m(Tt()),r=(l,u)=>{e.value={...e.value,[l]:u},Ee(at,e.value)},{calculation:a,error:n,errors:s}=_t(e.value),i={values:e.value,set:r,errors:s};return o`<${c} intro=${t("zakat-intro")}>${t("zakat")}</${c}>
    <div class="columns wide-first">
      <div>
        <${Ne} label=${t("zakat-way")} name="mode" value=${e.value.mode} onChange=${l=>r("mode",l)}
          options=${[["itemised",t("zakat-itemised")],["known",t("zakat-known")]]} />
        ${e.value.mode==="known"?o`<${Gt} form=${i} />`:o`<${Ht} form=${i} />`}
      </div>
      <section class="sum" aria-label=${t("zakat-sum")}>
        ${n&&(!Object.keys(s).length||s[""])&&o`<${S} error=${n} />`}
        ${a?o`<${Xe} calculation=${a} /><${Qt} values=${e.value} />`:o`<${v} title=${t("zakat-empty")}>${t("zakat-empty-hint")}</${v}>`}
      </section>
    </div>
    ${a?.breakdown&&o`<${et} calculation=${a} />`}`}function _t(e){let r=m({calculation:null,error:null,errors:{}}),a=j(()=>ge(e),[e]);return M(()=>{if(!tt(a)){r.value={calculation:null,error:null,errors:{}};return}let n=new AbortController,s=setTimeout(async()=>{try{let i=await F("/zakat/calculate",a.body,{signal:n.signal});r.value={calculation:i,error:null,errors:{}}}catch(i){if(i.name==="AbortError")return;r.value={...r.value,error:i,errors:rt(i.fields||{},a.categories)}}},Ut);return()=>(clearTimeout(s),n.abort())},[a,D.value]),r.value}var q=({values:e,set:r,errors:a},n)=>({name:n,value:e[n]||"",errors:a,onInput:s=>r(n,s.target.value)}),nt=({form:e})=>o`<${Y} value=${e.values.currency} errors=${e.errors} onChange=${r=>e.set("currency",r.target.value)} />`;function Gt({form:e}){let{currency:r}=e.values,a=R(i=>z("/zakat/nisab",{currency:r},{signal:i}).catch(l=>l.status===404?null:Promise.reject(l)),[r]),n=a.value?.currency===r?a.value[d.value.nisabBasis]:null;M(()=>{n&&!e.values.nisab&&e.set("nisab",String(n.nisab))},[n]);let s=n?t("nisab-today",{nisab:f(n.nisab,r)}):t("nisab-none");return o`<${$}>
    <${nt} form=${e} />
    <${O} currency=${r} label=${t("zakat-wealth")} hint=${t("zakat-wealth-hint")} ...${q(e,"wealth")} />
    <${O} currency=${r} label=${t("nisab")} hint=${s} ...${q(e,"nisab")} />
  </${$}>`}function Ht({form:e}){let r=n=>s=>e.set(n,s.target.value),a=(n,s)=>o`<${K} name=${n} label=${t(`zakat-${n}`)} value=${e.values[n]} errors=${e.errors}
    onChange=${r(n)} options=${s.map(i=>[i,t(`${n}-${i}`)])} />`;return o`<${nt} form=${e} />
    ${Object.entries(te).map(([n,s])=>o`<${qt} key=${n} name=${n} categories=${s} form=${e} />`)}
    <${$} title=${t("card-liabilities")}>
      <${O} currency=${e.values.currency} label=${t("liabilities-due")} hint=${t("liabilities-hint")} ...${q(e,"liabilities")} />
    </${$}>
    <${$} title=${t("card-rules")}>
      <${p} type="date" label=${t("hawl-started")} hint=${t("hawl-hint")} ...${q(e,"hawlStartedOn")} />
      ${a("nisabBasis",["gold","silver"])}
      ${a("yearBasis",["lunar","solar"])}
      ${a("school",["majority","hanafi"])}
    </${$}>`}function qt({name:e,categories:r,form:a}){let n=r.some(i=>Object.keys(V(i)).some(l=>a.values[`${i}.${l}`])),s=j(()=>e==="money"||n,[]);return o`<details class="category" open=${s}>
    <summary><h2>${t(`card-${e}`)}</h2></summary>
    ${r.map(i=>o`<${Zt} key=${i} category=${i} form=${a} />`)}
  </details>`}function Zt({category:e,form:r}){let a=Object.entries(V(e)),n=t(`asset-${e}`),s=a.map(([i,l])=>o`<${Kt} category=${e} field=${i} kind=${l} form=${r} label=${a.length>1?t(`field-${i}`):n} />`);return a.length>1?o`<fieldset class="item"><legend>${n}</legend>${s}</fieldset>`:s}function Kt({category:e,field:r,kind:a,form:n,label:s}){let i=`${e}.${r}`;return a==="check"?o`<${Le} name=${i} label=${s} checked=${!!n.values[i]} onChange=${l=>n.set(i,l.target.checked)} />`:Array.isArray(a)?o`<${K} name=${i} label=${s} value=${n.values[i]||a[0]} errors=${n.errors} onChange=${l=>n.set(i,l.target.value)} options=${a.map(l=>[l,t(`${r}-${l}`)])} />`:a==="money"?o`<${O} currency=${n.values.currency} label=${s} ...${q(n,i)} />`:o`<${p} inputmode="decimal" dir="ltr" autocomplete="off" label=${s} ...${q(n,i)} />`}function Qt({values:e}){let r=m(null),a=j(Fe,[]),n=JSON.stringify(e),s=h(async()=>{let{body:i}=ge(e);r.value={...await F("/zakat/calculations",i,{key:a(i)}),text:n},P(t("saved"))});return b.value?r.value?.text===n?o`<p role="status">${t("saved")} <a href=${`/api/zakat/calculations/${r.value.id}/report`} download>${t("download-pdf")}</a></p>`:o`<form onSubmit=${s.submit}><${U} error=${s.error} /><${C} isSending=${s.isSending}>${t("save")}</${C}></form>`:o`<p><a href="/dashboard/sign-in?next=/dashboard/zakat">${t("sign-in-to-save")}</a></p>`}var Vt=[["/dashboard",de],["/dashboard/projects/:id",$e],["/dashboard/zakat",be],["/dashboard/murabaha",ue],["/dashboard/sign-in",pe],["/dashboard/register",fe],["/dashboard/forgot-password",ce],["/reset-password",he],["/confirm-email",me]];var st="not-found";function ye(){return o`<${c} intro=${t("not-found-intro")}>${t("not-found")}</${c}>
    <p><a href="/dashboard">${t("to-projects")}</a></p>`}var Yt=[{name:"account",roles:["user","officer","admin"],load:()=>import("./account-2KL5JAIP.js")},{name:"staff",roles:["officer","admin"],load:()=>import("./staff-JVU3OWQF.js")},{name:"admin",roles:["admin"],load:()=>import("./admin-JEMTDYJQ.js")}],Jt={name:"public",load:async()=>ve};async function Xt(e){let r=Yt.find(({name:s})=>e.split("/")[2]===s)||Jt;if(r.roles&&!b.value)return{Page:tr};if(r.roles&&!r.roles.includes(b.value.role))return it;let[{pages:a,links:n}]=await Promise.all([r.load(),je(r.name)]);for(let[s,{default:i,title:l}]of a){let u=ze(s,e);if(u)return{Page:i,title:l,params:u,links:n}}return it}var it={Page:ye,title:st},er={Page:()=>o`<${S} error=${new Se(0,{})} onRetry=${()=>location.reload()} />`,title:"try-again"};function tr(){let e=encodeURIComponent(B.value+L.value);return M(()=>A(`/dashboard/sign-in?next=${e}`,{replace:!0}),[]),o`<${E} lines=${6} />`}function rr(){let e=m({}),r=B.value;M(()=>{Xt(r).then(u=>{B.value===r&&(e.value={...u,address:r})},()=>e.value={...er,address:r})},[r,b.value?.role]);let{Page:a,title:n,params:s,links:i,address:l}=e.value;return M(()=>{n&&(document.title=`${t(n)} \xB7 ${d.value.name}`)},[n,D.value]),o`<${le} links=${i}>${a?o`<${a} key=${l} ...${s} />`:o`<${E} lines=${6} />`}</${le}>`}async function ar(){let e=Z(ne());try{await Promise.all([Ae(),Oe(),e]),await Z(ne(d.value.languages)),re(o`<${rr} />`,document.body)}catch(r){await e.catch(()=>{}),re(o`<main><${S} error=${r} onRetry=${()=>location.reload()} /></main>`,document.body)}}ar();
